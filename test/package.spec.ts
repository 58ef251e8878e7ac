/**
 * The package as its users get it: packed, installed into an empty project, compiled by plain `tsc`, imported and required.
 * It needs the registry. Without a network it is skipped, but not in CI.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../', import.meta.url));
const minute = 60_000;
const run = promisify(execFile);

/** What `npm pack --json` says of a package. */
interface Packed {
  filename: string;
  files: { path: string }[];
}

/** `npm test` tells the commands that it runs which package they are in: these are in another. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) =>
      !/^(?:npm_package_|npm_lifecycle_|npm_config_(?:local|global)_prefix$|INIT_CWD$|NODE_OPTIONS$)/.test(name),
  ),
);

/** npm's own patience is longer than this test's. */
const impatient = ['--fetch-retries=2', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=2000'];

const tsconfig = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    // Our declarations, and those that they refer to, must hold where nothing of ours is installed.
    skipLibCheck: false,
    rootDir: 'src',
    outDir: 'out',
  },
  include: ['src'],
};

/** The same program as a module and as a script: types, decorators with emitted metadata, a DTO, a real socket. */
const program = `
import { IsString } from 'class-validator';
import { Body, Controller, createApp, Data, Get, HttpError, UseGuards, WebSocket } from 'halyard';
import type { App, Guard, Listening, UpgradeContext } from 'halyard';
import { TestClient, testApp } from 'halyard/testing';

class Greeting {
  @IsString()
  text!: string;
}

class Named implements Guard {
  canActivate({ data, request }: UpgradeContext): boolean {
    if (request.query['name'] === undefined) throw new HttpError(401, 'who are you?');
    data['name'] = request.query['name'];
    return true;
  }
}

@Controller('echo')
class EchoController {
  @WebSocket()
  @UseGuards(Named)
  echo(@Data('name') name: string, @Body() greeting: Greeting): string {
    return \`\${greeting.constructor.name} of \${name}: \${greeting.text}\`;
  }

  @Get('hello')
  hello(): { hello: string } {
    return { hello: 'world' };
  }
}

async function main(): Promise<void> {
  const app: App = await createApp({ controllers: [EchoController], logger: false });
  const { url }: Listening = await app.listen({ port: 0, host: '127.0.0.1' });
  console.log('HTTP', await (await fetch(\`\${url}/echo/hello\`)).text());
  await app.close();

  await using tested = await testApp({ controllers: [EchoController] });
  const client: TestClient = await tested.connect('/echo?name=ada');
  client.send({ text: 'ahoy' });
  console.log('WebSocket', await client.next());
  console.log('refused', (await tested.refused('/echo')).status);
}

main().then(
  () => console.log('stopped'),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
`;

const printed = ['HTTP {"hello":"world"}', 'WebSocket Greeting of ada: ahoy', 'refused 401', 'stopped', ''];

describe('the published package', () => {
  let project = '';
  let packedFiles: string[] = [];
  let offline = false;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), 'halyard-package-'));
    // Its scripts would build, and clear what other specs run at this moment.
    const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', project];
    const [{ filename, files }] = JSON.parse((await run('npm', pack, { cwd: root, env })).stdout) as [Packed];
    packedFiles = files.map(({ path }) => path);
    await mkdir(join(project, 'src'));
    await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }));
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(tsconfig));
    await writeFile(join(project, 'src/main.ts'), program);
    await writeFile(join(project, 'src/main.cts'), program);
    const packages = ['reflect-metadata', 'class-validator', 'class-transformer', 'typescript@7.0.2', '@types/node@20'];
    const options = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...impatient];
    try {
      const install = ['install', ...options, `./${filename}`, ...packages];
      await run('npm', install, { cwd: project, env, timeout: 0.8 * minute });
    } catch (error) {
      // What npm says without a network depends on what it has in its cache.
      const ping = run('npm', ['ping', '--fetch-retries=0', '--fetch-timeout=5000'], { cwd: project, env });
      offline =
        !process.env['CI'] &&
        (await ping.then(
          () => false,
          () => true,
        ));
      if (!offline) throw error;
      console.warn('test/package.spec.ts is skipped: there is no network to install the package with');
    }
  }, minute);
  afterAll(() => rm(project, { recursive: true, force: true }));

  async function output(...args: string[]): Promise<string[]> {
    const { stdout, stderr } = await run(process.execPath, args, { cwd: project, env });
    expect(stderr).toBe('');
    return stdout.split('\n');
  }

  it(
    'compiles with its types, starts, echoes and stops, as a module and as CommonJS',
    async () => {
      if (offline) return;
      const tsc = await run(process.execPath, ['node_modules/typescript/bin/tsc'], { cwd: project, env }).catch(
        (failed: unknown) => failed as { stdout: string },
      );
      expect(tsc.stdout).toBe('');
      expect(await output('out/main.js')).toEqual(printed);
      expect(await output('out/main.cjs')).toEqual(printed);
    },
    minute,
  );

  it(
    'brings the command, and one copy of itself whichever way it is loaded',
    async () => {
      if (offline) return;
      expect((await output('node_modules/.bin/halyard', '--version'))[0]).toMatch(/^halyard\//);
      const script = `import('halyard').then((esm) => console.log(esm.HttpError === require('halyard').HttpError))`;
      expect(await output('--input-type=commonjs', '--eval', script)).toEqual(['true', '']);
    },
    minute,
  );

  it('is what is built, what says what it is, and all that its README leads to', async () => {
    const others = packedFiles.filter((path) => !/^(?:dist\/|docs\/[\w-]+\.(?:md|svg)$)/.test(path));
    for (const path of others) expect(path).toMatch(/^(?:package\.json|LICENSE|README\.md|CHANGELOG\.md)$/);
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => path);
    expect(links).toContain('docs/errors.md');
    expect(packedFiles).toEqual(expect.arrayContaining(links));
    expect(others).toEqual(expect.arrayContaining(['package.json', 'LICENSE']));
    const entries = ['dist/index.js', 'dist/index.d.ts', 'dist/testing/index.js', 'dist/testing/index.d.ts'];
    expect(packedFiles).toEqual(expect.arrayContaining([...entries, 'dist/cli/halyard.js']));
  });
});
