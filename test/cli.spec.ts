import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const fixtures = join('build', 'test', 'fixtures');

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the command as it is published, in the package's directory. */
function halyard(...args: string[]): Promise<Ended> {
  const options = { cwd: root, timeout: 9000 };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'dist/cli/halyard.js'), ...args], options, (error, stdout, stderr) => {
      // Killed by the timeout it has no code.
      resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr });
    });
  });
}

describe('the command halyard', () => {
  let directory = '';
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'halyard-cli-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  /** Writes a module, and gives its path as a user would. */
  async function moduleOf(name: string, text: string): Promise<string> {
    await writeFile(join(directory, name), text);
    return relative(root, join(directory, name));
  }

  it('routes prints the table of a built entry, and never lets it listen', async () => {
    const { code, stdout, stderr } = await halyard('routes', join(fixtures, 'routed-app.js'));
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const guarded = 'observer RequestLog → guard SignedIn';
    expect(stdout.split('\n')).toEqual([
      'METHOD   PATH                      EVENT  HANDLER                 VALIDATION  RUNS',
      `connect  /api/rooms/:room                 RoomController.enter                ${guarded} | endpoint RoomController.enter`,
      `WS       /api/rooms/:room          say    RoomController.say                  ${guarded} | ` +
        'interceptor Counting.pre → endpoint RoomController.say → interceptor Counting.post',
      `WS       /api/rooms/:room                 RoomController.other    compiled    ${guarded} | ` +
        'guard SignedIn → endpoint RoomController.other',
      `GET      /api/rooms/:room/history         RoomController.history              ${guarded} | endpoint RoomController.history`,
      `SSE      /api/rooms/:room/events          RoomController.events               ${guarded} | endpoint RoomController.events`,
      '',
    ]);
  });

  it('routes says what is wrong with an app that cannot start, also where its module does not wait for it', async () => {
    const { code, stdout, stderr } = await halyard('routes', join(fixtures, 'broken-app.js'));
    expect(stdout).toBe('');
    expect(stderr.split('\n')).toEqual([
      'halyard: the app cannot start: 1 mistake',
      '  HALYARD_BOOT_CONTROLLER EmptyController',
      '    it has no endpoints',
      expect.stringMatching(/^ {4}fix: /),
      '',
    ]);
    expect(code).toBe(1);
  });

  it('routes says on one line what it was given instead of an entry', async () => {
    const typescript = await moduleOf('main.ts', 'export {};');
    const none = await moduleOf('none.mjs', 'export const nothing = 1;');
    const waiting = await moduleOf('waiting.mjs', 'await new Promise(() => undefined);');
    const cases = [
      ['nowhere/main.js', 'nowhere/main.js does not exist'],
      ['src', 'src is no file: give the built entry, for example dist/main.js'],
      [typescript, `${typescript} is TypeScript: give the built file, for example dist/main.js`],
      [none, `${none} created no app: it should call createApp when it is loaded`],
      [waiting, `${waiting} created no app: it should call createApp when it is loaded`],
    ] as const;
    for (const [entry, text] of cases) {
      expect(await halyard('routes', entry)).toEqual({ code: 1, stdout: '', stderr: `halyard: ${text}\n` });
    }
  });

  it('routes shows where a module fails that cannot be loaded', async () => {
    const broken = await moduleOf('broken.mjs', 'const app = undefined;\napp.listen();');
    const { code, stderr } = await halyard('routes', broken);
    expect(stderr).toContain(`halyard: ${broken} failed: TypeError: Cannot read properties of undefined`);
    expect(stderr).toContain('broken.mjs:2:');
    expect(code).toBe(1);
  });

  it('tells its version and its commands', async () => {
    expect((await halyard('--version')).stdout).toMatch(/^halyard\/\d+\.\d+\.\d+ /);
    expect((await halyard('--help')).stdout).toContain('routes <entry>');
    for (const [args, text] of [
      [[], 'a command is missing'],
      [['sail'], 'unknown command sail'],
      [['routes'], 'missing required args'],
    ] as const) {
      const { code, stderr } = await halyard(...args);
      expect(stderr).toContain(`halyard: ${text}`);
      expect(code).toBe(1);
    }
  });
});
