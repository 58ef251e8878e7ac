import { describe, expect, it } from '@jest/globals';
import { IsString } from 'class-validator';
import { Body, Controller, createApp, Optional, Post, WebSocket, type Class } from 'halyard';

class Unchecked {
  text!: string;
}

class Checked {
  @IsString()
  text!: string;
}

/** What is logged while the app is made. */
async function warningsOf(...controllers: Class[]): Promise<string[]> {
  const warnings: string[] = [];
  const streamWrite = (line: string): string => {
    const { level, msg } = JSON.parse(line) as { level: number; msg: string };
    if (level === 40) warnings.push(msg);
    return '';
  };
  const app = await createApp({ controllers, logger: { hooks: { streamWrite } } });
  await app.close();
  return warnings;
}

describe('what is no mistake, but seldom meant, is a warning at boot:', () => {
  it('R-body-dto a class without rules, also in an array', async () => {
    @Controller('bodies')
    class Bodies {
      @WebSocket()
      take(@Body() _one: Unchecked): void {}
      @Post()
      post(@Body([Unchecked], Optional) _many: Unchecked[]): void {}
      @Post('checked')
      checked(@Body([Checked]) _many: Checked[]): void {}
    }
    expect(await warningsOf(Bodies)).toEqual([
      'Bodies.take: Unchecked has no class-validator rules: whatever a client sends passes',
      'Bodies.post: Unchecked has no class-validator rules: whatever a client sends passes',
    ]);
  });

  it('R-ret-receive-only a value that a receiveOnly endpoint returns, where the type shows it', async () => {
    @Controller('in', { mode: 'receiveOnly' })
    class In {
      @WebSocket('text')
      text(): string {
        return 'dropped';
      }
      @WebSocket('void')
      nothing(): void {}
    }
    expect(await warningsOf(In)).toEqual(['In.text: what a receiveOnly endpoint returns is dropped']);
  });
});
