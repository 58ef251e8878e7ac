/** How a plan ends: errors and who answers them, and who is told. */
import { Answer, CloseWith, type Outcome, type Stage } from './components.js';
import type { Context } from './context.js';
import type { Plan } from './plan.js';

/** Gives an error to the catchers and, where none answers, to the responder. */
export function fail<C extends Context>(
  plan: Plan<C>,
  c: C,
  error: unknown,
  stage: Stage,
  status: 'error' | 'timeout' | 'superseded' = 'error',
): void | Promise<void> {
  c.settled = true;
  plan.observers.failed(error, c, stage);
  if (plan.watched) conclude(plan, c, status, error);
  if (plan.catchers.length > 0) return consult(plan, c, error);
  try {
    const pending = plan.responder.fail(c, error);
    return pending && settled(plan, c, pending);
  } catch (failure) {
    plan.observers.failed(failure, c, 'send');
  }
  return undefined;
}

async function consult<C extends Context>(plan: Plan<C>, c: C, error: unknown): Promise<void> {
  let current = error;
  try {
    for (const { resolve, types } of plan.catchers) {
      if (types.length > 0 && !types.some((type) => current instanceof type)) continue;
      let verdict: Answer | CloseWith | undefined | void;
      try {
        verdict = await resolve(c).catch(current, c);
      } catch (thrown) {
        if (thrown !== current) plan.observers.failed(thrown, c, 'catcher');
        current = thrown;
        continue;
      }
      if (verdict instanceof Answer) return await plan.responder.answer(c, verdict, current);
      if (verdict instanceof CloseWith) return await plan.responder.close(c, verdict, current);
    }
    await plan.responder.fail(c, current);
  } catch (failure) {
    // A catcher's answer that cannot be sent is a failure of its own, and still an answer is owed.
    plan.observers.failed(failure, c, 'catcher');
    await settled(
      plan,
      c,
      Promise.resolve(failure).then((error) => plan.responder.fail(c, error)),
    );
  }
}

async function settled<C extends Context>(plan: Plan<C>, c: C, pending: PromiseLike<void>): Promise<void> {
  try {
    await pending;
  } catch (failure) {
    plan.observers.failed(failure, c, 'send');
  }
}

/** Tells interceptors and observers how it ended. */
export function conclude<C extends Context>(plan: Plan<C>, c: C, status: Outcome['status'], error: unknown): void {
  const durationMs = performance.now() - c.startedAt;
  const outcome: Outcome = error === undefined ? { status, durationMs } : { status, error, durationMs };
  for (let i = c.entered - 1; i >= 0; i--) {
    try {
      plan.interceptors[i]!(c).done?.(c, outcome);
    } catch (failure) {
      plan.observers.failed(failure, c, 'post');
    }
  }
  plan.observers.handled(c, outcome);
}
