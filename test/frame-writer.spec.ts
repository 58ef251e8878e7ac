import { createHook } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from 'halyard/testing';
import { tcpHandleOf } from '#internal/ws/direct-write.js';
import { FrameWriter } from '#internal/ws/frame-writer.js';
import { seededRandom } from './support/random.js';

type Kind = 'TCP' | 'Unix domain';

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Both ends of a connection. */
async function socketPair(kind: Kind): Promise<{ near: Socket; far: Socket }> {
  // Nothing is read, so that only a write can find out that the peer is gone.
  const server = createServer({ pauseOnConnect: true });
  if (kind === 'TCP') {
    server.listen(0, '127.0.0.1');
  } else {
    const folder = await mkdtemp(join(tmpdir(), 'halyard-'));
    undo.push(() => rm(folder, { recursive: true }));
    server.listen(join(folder, 'socket'));
  }
  undo.push(() => server.close());
  await once(server, 'listening');
  const address = server.address()!;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const far = typeof address === 'string' ? connect(address) : connect(address.port, address.address);
  undo.push(() => far.destroy());
  const [near] = await accepted;
  undo.push(() => near.destroy());
  return { near, far };
}

/** A writer on one end, whose first write, as a 101, was the socket's own. */
async function start(kind: Kind): Promise<{ near: Socket; far: Socket; writer: FrameWriter; drains: () => number }> {
  const { near, far } = await socketPair(kind);
  let drained = 0;
  const writer = new FrameWriter(near, { drained: () => drained++ });
  writer.add(Buffer.from('first'));
  writer.flush();
  return { near, far, writer, drains: () => drained };
}

/** All that came, as one. */
function collect(socket: Socket): { readonly bytes: () => Buffer; readonly count: () => number } {
  const chunks: Buffer[] = [];
  let count = 0;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    count += chunk.length;
  });
  return { bytes: () => Buffer.concat(chunks), count: () => count };
}

function isDirect(socket: Duplex): boolean {
  return tcpHandleOf(socket) !== undefined;
}

/** Writes until a write has to wait. @returns how many bytes */
function fill(writer: FrameWriter): number {
  for (let bytes = 0; bytes < 64_000_000; bytes += 1000) {
    if (writer.bufferedBytes > 0) return bytes;
    writer.add(Buffer.alloc(1000));
    writer.flush();
  }
  throw new Error('64 MB were taken from a writer whose peer does not read');
}

/** What a program of its own prints that imports the module. */
async function runAlone(program: string, nodeOptions: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(process.execPath, [...nodeOptions, '--input-type=module', '--eval', program], {
    env: { ...process.env, MODULE: module, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  undo.push(() => child.kill());
  const printed = Promise.all([text(child.stdout), text(child.stderr)]);
  await once(child, 'close');
  return (await printed).join('');
}

const module = new URL('../../dist/ws/direct-write.js', import.meta.url).href;
const showsHandle = `
  import { connect, createServer } from 'node:net';
  const { tcpHandleOf } = await import(process.env.MODULE);
  const server = createServer((socket) => {
    console.log(tcpHandleOf(socket) === undefined ? 'stream' : 'direct');
    socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1', () => connect(server.address().port, '127.0.0.1').on('error', () => undefined));`;

describe('the handle of a socket', () => {
  it('is written to where the socket is one of TCP, and open', async () => {
    const tcp = await socketPair('TCP');
    const unix = await socketPair('Unix domain');
    expect([tcp.near, unix.near, new PassThrough()].map(isDirect)).toEqual([true, false, false]);
    tcp.near.destroy();
    expect(isDirect(tcp.near)).toBe(false);
  });

  it('is left alone where somebody looks at what is written, or changes it', async () => {
    class Encrypting extends Socket {
      override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
        super._write(chunk.toString('hex'), encoding, done);
      }
    }
    const { near, far } = await socketPair('TCP');
    const { _handle: handle } = near as unknown as { readonly _handle: object };
    expect([near, new Encrypting({ handle } as object), far].map(isDirect)).toEqual([true, false, true]);
    const write = far.write.bind(far);
    far.write = (chunk: Buffer) => write(chunk);
    expect(isDirect(far)).toBe(false);
  });

  it('is written to in a worker thread as well', async () => {
    const worker = new Worker(
      `process.env.MODULE = require('node:worker_threads').workerData;
       import('data:text/javascript,' + encodeURIComponent(${JSON.stringify(showsHandle)}));`,
      { eval: true, workerData: module, stdout: true, env: SHARE_ENV },
    );
    undo.push(() => worker.terminate());
    expect(await text(worker.stdout)).toBe('direct\n');
  });

  it('is found without a warning, and left alone where that is asked for', async () => {
    expect(await runAlone(showsHandle, ['--pending-deprecation'])).toBe('direct\n');
    expect(await runAlone(showsHandle, ['--pending-deprecation', '--throw-deprecation'])).toBe('direct\n');
    expect(await runAlone(showsHandle, [], { HALYARD_DIRECT_WRITES: '0' })).toBe('stream\n');
  });

  it('is written to by a hook that a write has run', async () => {
    const [one, two] = [await start('TCP'), await start('TCP')];
    const received = collect(two.far);
    one.far.pause();
    two.far.pause();
    let bytes = 5;
    let hasRun = false;
    const hook = createHook({
      init(_id, type) {
        if (type !== 'WRITEWRAP' || hasRun) return;
        hasRun = true;
        bytes += fill(two.writer);
      },
    });
    undo.push(() => hook.disable());
    hook.enable();
    fill(one.writer);
    two.far.resume();
    await until(() => received.count() === bytes && two.writer.bufferedBytes === 0);
  });
});

describe.each<Kind>(['TCP', 'Unix domain'])('the frames of a turn on a %s socket', (kind) => {
  it('arrive whole and in order, also when the peer does not read for a while, again and again', async () => {
    const random = seededRandom();
    const { near, far, writer, drains } = await start(kind);
    const sent = [Buffer.from('first')];
    const received = collect(far);
    let sentBytes = 5;
    for (let pause = 0; pause < 5; pause++) {
      far.pause();
      while (near.writableLength === 0 || writer.bufferedBytes < 100_000) {
        const frame = randomBytes(1 + Math.floor(random() ** 4 * 40_000));
        sent.push(frame);
        sentBytes += frame.length;
        writer.add(frame);
        if (random() < 0.7) writer.flush();
      }
      const before = drains();
      far.resume();
      await until(() => received.count() === sentBytes);
      await until(() => writer.bufferedBytes === 0 && drains() > before);
    }
    expect(received.bytes().equals(Buffer.concat(sent))).toBe(true);
  });

  it('follow what the socket still holds', async () => {
    const { near, far } = await socketPair(kind);
    const received = collect(far);
    const writer = new FrameWriter(near, { drained: () => undefined });
    near.cork();
    near.write('switching protocols,');
    for (const text of [' first,', ' second']) {
      writer.add(Buffer.from(text));
      writer.flush();
    }
    near.uncork();
    await until(() => received.count() === 34);
    expect(received.bytes().toString()).toBe('switching protocols, first, second');
  });

  it('wait on several sockets at once', async () => {
    const ends = await Promise.all([1, 2, 3].map(() => start(kind)));
    const waits = ends.map(({ far, writer }) => {
      const received = collect(far);
      far.pause();
      const sentBytes = 5 + fill(writer);
      return { far, writer, isDone: () => received.count() === sentBytes && writer.bufferedBytes === 0 };
    });
    for (const { far, isDone } of waits) {
      far.resume();
      await until(isDone);
    }
    for (const { writer } of waits) {
      writer.add(Buffer.from('last'));
      writer.flush();
      expect(writer.bufferedBytes).toBe(0);
    }
  });

  it('count as buffered until the peer has taken them', async () => {
    const { near, far, writer } = await start(kind);
    const received = collect(far);
    far.pause();
    const sentBytes = 5 + fill(writer);
    expect(writer.bufferedBytes).toBe(1000);
    // What is written directly the stream does not know of.
    expect(near.writableLength).toBe(kind === 'TCP' ? 0 : 1000);
    writer.add(Buffer.alloc(500));
    expect(writer.bufferedBytes).toBe(1500);
    writer.flush();
    expect(writer.bufferedBytes).toBe(1500);
    far.resume();
    await until(() => received.count() === sentBytes + 500);
    await until(() => writer.bufferedBytes === 0);
  });

  it('end with the socket when the peer resets while they wait', async () => {
    const { near, far, writer } = await start(kind);
    const failed = once(near, 'error');
    far.pause();
    fill(writer);
    if (kind === 'TCP') far.resetAndDestroy();
    else far.destroy();
    expect(await failed).toMatchObject([{ code: expect.stringMatching(/ECONNRESET|EPIPE/), syscall: 'write' }]);
    expect(near.destroyed).toBe(true);
    await until(() => writer.bufferedBytes === 0);
  });

  it('end with the socket when the peer was gone before them', async () => {
    const { near, far, writer } = await start(kind);
    const failed = once(near, 'error');
    if (kind === 'TCP') far.resetAndDestroy();
    else far.destroy();
    await until(() => {
      writer.add(Buffer.from('anybody there?'));
      writer.flush();
      return near.destroyed;
    });
    expect(await failed).toMatchObject([{ code: expect.stringMatching(/ECONNRESET|EPIPE/), syscall: 'write' }]);
  });

  it('go nowhere once it is destroyed, in the same turn and later', async () => {
    const { near, far, writer } = await start(kind);
    const received = collect(far);
    await until(() => received.count() === 5);
    writer.add(Buffer.from('second'));
    writer.flush();
    near.destroy();
    writer.add(Buffer.from('third'));
    writer.flush();
    await Promise.all([once(near, 'close'), once(far, 'close')]);
    writer.add(Buffer.from('fourth'));
    writer.flush();
    expect(received.bytes().toString()).toBe('firstsecond');
  });

  it('are followed by the end of the stream, also when they have to wait', async () => {
    const { near, far, writer } = await start(kind);
    const received = collect(far);
    far.pause();
    const sentBytes = 5 + fill(writer);
    near.end();
    far.resume();
    await once(far, 'end');
    expect(received.count()).toBe(sentBytes);
  });
});
