/** 100 000 cases: 90 000 streams of frames within the process, 5000 over sockets, 5000 handshakes over sockets. */
import { connect } from 'node:net';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { upgradeRequest, type TestApp } from 'halyard/testing';
import { expectSound } from '../support/ledger.js';
import { chunksOf, streamOf, type Stream } from './byte-program.js';
import { endpoints } from './endpoints.js';
import { eventsOfOurs, eventsOfWs, longLength } from './parser-events.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
process.stdout.write(`SEED=${seed}\n`);

/** Small, so that streams come to them. */
const limits = { maxPayload: 300, maxFragments: 3 };
const inProcess = 90_000;
/** One run of the tests below. */
const portion = 7500;
const onSockets = 5000;
/** Sockets that are open at a time. */
const atOnce = 50;
/** Longer than any time after which the app ends a connection by itself. */
const patienceMs = 8000;

const program = fc.uint8Array({ minLength: 6, maxLength: 40 });
const portions = Array.from({ length: inProcess / portion }, (_, index) => index);

describe('the fuzzer', () => {
  it.each(portions)(
    `R-rfc-fuzz ${portion} streams of frames are to our parser what they are to that of ws, whole and in pieces (%i)`,
    (index) => {
      fc.assert(
        fc.property(program, (code) => {
          const stream = streamOf(code);
          const ours = eventsOfOurs(chunksOf(stream), limits);
          same(eventsOfOurs([Buffer.from(stream.bytes)], limits), ours);
          const theirs = eventsOfWs(chunksOf(stream), limits);
          const length = ours.at(-1) === longLength ? ours.length - 1 : undefined;
          // What the texts of mistakes say is ours.
          same(theirs.slice(0, length), ours.slice(0, length).map(withoutText));
        }),
        { seed: seed + index, numRuns: portion },
      );
    },
  );
});

describe.each(endpoints)('the fuzzer over sockets, on %s', (endpoint) => {
  let app: TestApp;
  // What is uncaught fails the test by itself: Jest sees to that.
  beforeAll(async () => void (app = await endpoint.start()));

  it(`R-rfc-fuzz ${onSockets / 2} streams of frames leave no connection behind`, async () => {
    const request = upgradeRequest(endpoint.path, { headers: { 'sec-websocket-extensions': endpoint.offer } });
    await fc.assert(
      fc.asyncProperty(fc.array(program, { minLength: atOnce, maxLength: atOnce }), async (codes) => {
        await Promise.all(
          codes.map((code) => throwAt(app, [Buffer.from(request), ...chunksOf(sparing(code))], code[0]!)),
        );
      }),
      { seed, numRuns: onSockets / 2 / atOnce },
    );
    await expectSound(app, endpoint.ledger, '/ours');
  }, 60_000);

  it(`R-rfc-fuzz ${onSockets / 2} handshakes are answered or ended`, async () => {
    const handshakes = fc.array(handshake(endpoint.path), { minLength: atOnce, maxLength: atOnce });
    await fc.assert(
      fc.asyncProperty(handshakes, async (requests) => {
        await Promise.all(requests.map(({ bytes, how }) => throwAt(app, [bytes], how)));
      }),
      { seed, numRuns: onSockets / 2 / atOnce },
    );
    await expectSound(app, endpoint.ledger, '/ours');
  }, 60_000);
});

function same(actual: readonly string[], expected: readonly string[]): void {
  // `expect` takes longer than all the rest, so it is asked only where there is something to tell.
  if (actual.length !== expected.length || actual.some((event, index) => event !== expected[index])) {
    expect(actual).toEqual(expected);
  }
}

function withoutText(event: string): string {
  return event.startsWith('broke') ? event.slice(0, event.indexOf(':')) : event;
}

/** A stream in few pieces: a write a byte would take the time of all others. */
function sparing(code: Uint8Array): Stream {
  const { bytes, cuts } = streamOf(code);
  return { bytes, cuts: cuts.slice(0, 4) };
}

/** Writes chunks to the app, ends or resets the connection, and waits for it to be over. */
async function throwAt(app: TestApp, chunks: readonly Buffer[], how: number): Promise<void> {
  const socket = connect({ port: Number(new URL(app.url).port), host: '127.0.0.1', noDelay: true });
  const closed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`open after ${patienceMs} ms: ${Buffer.concat(chunks).toString('latin1')}`));
      socket.destroy();
    }, patienceMs);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  // The app may have ended it before all was written.
  socket.on('error', () => undefined);
  socket.resume();
  for (const chunk of chunks) {
    if (socket.destroyed) break;
    await new Promise<void>((resolve) => socket.write(chunk, () => resolve()));
  }
  if (how % 3 === 0) socket.resetAndDestroy();
  else socket.end();
  await closed;
}

const token = fc.constantFrom(
  'upgrade',
  'websocket',
  'keep-alive',
  'h2c',
  '13',
  '8',
  '',
  ',',
  '\t',
  '"',
  'é',
  '\u0000',
);
const value = fc.oneof(
  token,
  fc.string({ maxLength: 30 }),
  fc.array(token, { maxLength: 4 }).map((list) => list.join(', ')),
);
const header = fc.tuple(
  fc.constantFrom(
    'host',
    'connection',
    'upgrade',
    'sec-websocket-version',
    'sec-websocket-key',
    'sec-websocket-protocol',
    'sec-websocket-extensions',
    'origin',
    'cookie',
    'content-length',
    'transfer-encoding',
    'x-forwarded-for',
  ),
  fc.oneof(value, fc.constant(undefined), fc.array(value, { maxLength: 3 })),
);

/** A handshake that is valid but for some headers, the request line, or one bit of it. */
function handshake(path: string): fc.Arbitrary<{ bytes: Buffer; how: number }> {
  const paths = [path, `${path}?a=%zz`, `${path}/`, '/', '*', '//', `http://other${path}`, `/${'x'.repeat(3000)}`];
  return fc
    .record({
      headers: fc.array(header, { maxLength: 4 }),
      target: fc.constantFrom(...paths),
      method: fc.constantFrom('GET', 'GET', 'GET', 'POST', 'CONNECT', 'get', 'PRI'),
      httpVersion: fc.constantFrom('1.1', '1.1', '1.1', '1.0', '2.0', '9'),
      flip: fc.option(fc.nat(400)),
      cut: fc.option(fc.nat(400)),
      tail: fc.uint8Array({ maxLength: 20 }),
      how: fc.nat(2),
    })
    .map(({ headers, target, method, httpVersion, flip, cut, tail, how }) => {
      const request = upgradeRequest(target, { method, httpVersion, headers: Object.fromEntries(headers) });
      const bytes = Buffer.concat([Buffer.from(request), tail]).subarray(0, cut ?? undefined);
      if (flip !== null && bytes.length > 0) bytes[flip % bytes.length]! ^= 1 << (flip & 7);
      return { bytes, how };
    });
}
