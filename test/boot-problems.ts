import { expect } from '@jest/globals';
import { BootError, createApp, type AppOptions, type BootProblem, type Class } from 'halyard';

/** What `createApp` refuses to start with; empty where it starts. */
export async function problemsOf(options: AppOptions): Promise<readonly BootProblem[]> {
  try {
    const app = await createApp({ logger: false, ...options });
    await app.close();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(BootError);
    return (error as BootError).problems;
  }
}

/** The only mistake of these controllers. */
export async function problemOf(...controllers: (Class | string)[]): Promise<BootProblem> {
  const problems = await problemsOf({ controllers });
  expect(problems).toHaveLength(1);
  return problems[0]!;
}
