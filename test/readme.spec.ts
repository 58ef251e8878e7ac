import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestClient, type TestApp } from 'halyard/testing';
import { Document } from './support/document.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** What stands in the first fenced block of a language behind a heading. */
function pasted(heading: string, language: string): string {
  const section = readme.slice(readme.indexOf(`\n## ${heading}\n`));
  const block = new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\n\`\`\``).exec(section);
  if (!block) throw new Error(`README has no ${language} block below "${heading}"`);
  return block[1]!;
}

describe('the README', () => {
  let folder: string;

  beforeAll(() => {
    // Inside the checkout, so that `halyard` is this package.
    mkdirSync(join(root, 'build'), { recursive: true });
    folder = mkdtempSync(join(root, 'build', 'readme-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has a controller that works when it is pasted, and says what its client snippet prints', async () => {
    const controller = pasted('A controller', 'ts');
    const classBody = /@Controller[\s\S]*?\n}\n/.exec(controller)![0];
    expect(classBody.split('\n').length).toBeLessThanOrEqual(25);
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src', 'main.ts'), controller);
    writeFileSync(join(folder, 'tsconfig.json'), pasted('A controller', 'json'));
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], { stdio: 'pipe' });

    const child = spawn(process.execPath, [join(folder, 'dist', 'main.js')], {
      env: { ...process.env, PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let port: string | undefined;
      for await (const line of createInterface({ input: child.stdout })) {
        port = /^listening on http:\/\/localhost:(\d+)$/.exec(line)?.[1];
        if (port !== undefined) break;
      }
      const snippet = pasted('A controller', 'js');
      const path = /new WebSocket\('ws:\/\/localhost:3000(.*?)'\)/.exec(snippet)![1]!;
      const sent = /JSON\.stringify\((\{.*?\})\)/.exec(snippet)![1]!;
      const printed = snippet
        .split('\n')
        .filter((line) => line.startsWith('// '))
        .map((line) => line.slice(3));
      const client = await new TestClient(`ws://localhost:${port}${path}`, {}, 5000).opened();
      client.send(JSON.stringify({ text: /'(.*)'/.exec(sent)![1] }));
      expect([await client.next(), await client.next()]).toEqual(printed);
      await client.close();
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }, 30_000);

  it('has an error frame and a test that are true', async () => {
    const doc = new Document('README.md', {
      'When something goes wrong': '',
      'Testing your app': `
        import { expect } from '@jest/globals';
        class Clock {}
        class FixedClock extends Clock {}
        class ChatMessage {
          @IsString()
          @Length(1, 500)
          text!: string;
        }
        @Controller('rooms/:room')
        class RoomController {
          constructor(readonly clock: Clock) {}
          @OnConnect()
          enter(@Param('room') room: string): string {
            if (!(this.clock instanceof FixedClock)) throw new Error('not the clock of the test');
            return 'welcome to ' + room;
          }
          @WebSocket()
          post(@Body() message: ChatMessage): void {}
        }`,
    });
    try {
      const { app, client } = await doc.module<{ app: TestApp; client: TestClient }>('Testing your app');
      client.send({ text: '' });
      const frame = await client.next();
      const [shown] = doc.frames('When something goes wrong');
      expect(JSON.parse(frame.toString().replace(/"message":"text must[^"]*"/, '"message":"…"'))).toEqual(shown);
      await app.close();
    } finally {
      doc.close();
    }
  }, 30_000);
});
