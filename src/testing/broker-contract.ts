/** What every broker must do, as cases that any test runner can run. */
import assert from 'node:assert/strict';
import type { Broker, LinkState } from '../broker/broker.js';
import { HalyardError, BrokerUnavailableError } from '../errors.js';
import { until } from './wait.js';

/** What the suite needs of the broker that it tests. */
export interface BrokerHarness {
  /** Two nodes of one engine. Nobody else publishes there. The suite closes them. */
  open(): [Broker, Broker] | Promise<[Broker, Broker]>;
  /** Where the engine can go away and come back: the cases of an outage run, which need both. */
  outage?: {
    /** From now on no node reaches the engine. */
    begin(): void | Promise<void>;
    end(): void | Promise<void>;
  };
}

/** One behaviour. */
export interface BrokerCase {
  readonly name: string;
  /** Rejects where the broker does not behave. */
  readonly run: () => Promise<void>;
  /** How long it may take, in milliseconds: more than most runners' default. */
  readonly timeout: number;
}

type Nodes = readonly [a: Broker, b: Broker];

const patience = { timeout: 20_000 };

/**
 * The contract of `Broker` as test cases, for brokers of your own. They need no test runner and no assertions of one.
 *
 * @example
 * // Jest, Vitest
 * for (const { name, run, timeout } of brokerContract({ open: () => [myBroker(), myBroker()] })) it(name, run, timeout);
 * // node:test
 * for (const { name, run, timeout } of brokerContract({ open })) test(name, { timeout }, run);
 */
export function brokerContract(harness: BrokerHarness): BrokerCase[] {
  const { outage } = harness;
  const withNodes = async (run: (...nodes: Nodes) => Promise<void>): Promise<void> => {
    const nodes = await harness.open();
    try {
      await until(() => nodes.every((node) => node.health().link === 'up'), patience);
      await run(...nodes);
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
    }
  };
  const list = Object.entries(cases).map(([name, run]): [string, () => Promise<void>] => [name, () => withNodes(run)]);
  if (outage) {
    for (const [name, run] of Object.entries(outageCases)) {
      list.push([
        name,
        () =>
          withNodes(async (a, b) => {
            let isOver = true;
            const begin = async (): Promise<void> => {
              isOver = false;
              await outage.begin();
            };
            const end = async (): Promise<void> => {
              isOver = true;
              await outage.end();
            };
            try {
              await run(a, b, { begin, end });
            } finally {
              if (!isOver) await end();
            }
          }),
      ]);
    }
  }
  return list.map(([name, run]) => ({ name, run, timeout: 60_000 }));
}

const cases: Record<string, (a: Broker, b: Broker) => Promise<void>> = {
  async 'delivers to all nodes, to the publisher’s own, and to each subscription of a subject'(a, b) {
    const got: string[] = [];
    const note = (who: string) => (data: Uint8Array) => void got.push(`${who} ${textOf(data)}`);
    await a.subscribe('s', note('a1'));
    await a.subscribe('s', note('a2'));
    await b.subscribe('s', note('b'));
    await b.subscribe('other', note('wrong'));
    await a.publish('s', bytes('hi'));
    await until(() => got.length === 3, patience);
    await settled(a, b);
    assert.deepEqual(got.sort(), ['a1 hi', 'a2 hi', 'b hi']);
  },

  async 'never delivers before the synchronous part of the publishing call has ended'(a) {
    const got: string[] = [];
    await a.subscribe('s', () => void got.push('delivered'));
    const published = a.publish('s', bytes('x'));
    got.push('after the call');
    await published;
    await until(() => got.length === 2, patience);
    assert.deepEqual(got, ['after the call', 'delivered']);
  },

  async 'keeps the order that it declares, of publications that are awaited and of such that are not'(a, b) {
    const seenByA: string[] = [];
    const seenByB: string[] = [];
    await a.subscribe('s', (data) => void seenByA.push(textOf(data)));
    await b.subscribe('s', (data) => void seenByB.push(textOf(data)));
    const publish = async (node: Broker, who: string): Promise<void> => {
      const pending: Promise<void>[] = [];
      for (let n = 0; n < 500; n++) {
        pending.push(node.publish('s', bytes(`${who}${n}`)));
        if (n % 7 === 0) await pending.at(-1);
      }
      await Promise.all(pending);
    };
    await Promise.all([publish(a, 'a'), publish(b, 'b')]);
    await until(() => seenByA.length === 1000 && seenByB.length === 1000, patience);
    for (const seen of [seenByA, seenByB]) {
      for (const who of ['a', 'b']) {
        assert.deepEqual(
          seen.filter((text) => text.startsWith(who)),
          Array.from({ length: 500 }, (_, n) => `${who}${n}`),
        );
      }
    }
    if (a.ordering === 'total') assert.deepEqual(seenByA, seenByB);
  },

  async 'takes ten thousand publications at once, and delivers each once and in order'(a, b) {
    const seen: number[] = [];
    await b.subscribe('s', (data) => void seen.push(Number(textOf(data))));
    await Promise.all(Array.from({ length: 10_000 }, (_, n) => a.publish('s', bytes(String(n)))));
    await until(() => seen.length >= 10_000, patience);
    await settled(a, b);
    assert.deepEqual(
      seen,
      Array.from({ length: 10_000 }, (_, n) => n),
    );
  },

  async 'carries any bytes: none, all values of a byte, a part of a larger buffer, a megabyte'(a, b) {
    const all = Uint8Array.from({ length: 256 }, (_, n) => n);
    const payloads = [
      new Uint8Array(0),
      all,
      all.subarray(100, 103),
      bytes('\r\n$-1\r\n'),
      new Uint8Array(1024 ** 2).fill(7),
    ];
    const got: Uint8Array[] = [];
    await b.subscribe('s', (data) => void got.push(Uint8Array.from(data)));
    for (const payload of payloads) await a.publish('s', payload);
    await until(() => got.length === payloads.length, patience);
    for (const [at, payload] of payloads.entries()) assert.ok(Buffer.from(payload).equals(got[at]!), `payload ${at}`);
  },

  async 'takes any subject, and no character of one means anything'(a, b) {
    const long = 'l'.repeat(300);
    const subjects = [
      '',
      ...' ~a~A~b~a b~a.b~a.*~a.>~*~>~a*~?~[ab]~[a]~$SYS~_INBOX.x~\\~%20~#~"~{x}~=20=~==~a=b~__proto__~constructor'.split(
        '~',
      ),
      ...'\n~\r\n~\t~\0~a\0b~ünïcødé~u\u0308~🎈~\ud83c~\udf88~\ufffd'.split('~'),
      long,
      `${long}.`,
      `${long}*`,
      `${'é'.repeat(2000)}1`,
      `${'é'.repeat(2000)}2`,
      ' '.repeat(5000),
    ];
    const got = new Map<string, string[]>(subjects.map((subject) => [subject, []]));
    await Promise.all(
      subjects.map((subject) => b.subscribe(subject, (data) => void got.get(subject)!.push(textOf(data)))),
    );
    for (const [at] of subjects.entries()) await a.publish(subjects[at]!, bytes(String(at)));
    await until(() => [...got.values()].every((list) => list.length > 0), patience);
    await settled(a, b);
    for (const [at, subject] of subjects.entries())
      assert.deepEqual(got.get(subject), [String(at)], JSON.stringify(subject));
  },

  async 'ends a subscription when it is taken back, and takes it back only once'(a, b) {
    const got: string[] = [];
    const first = await a.subscribe('s', () => void got.push('first'));
    const second = await a.subscribe('s', () => void got.push('second'));
    await first();
    await first();
    await b.publish('s', bytes('1'));
    await until(() => got.length > 0, patience);
    await second();
    await b.publish('s', bytes('2'));
    await settled(a, b);
    assert.deepEqual(got, ['second']);
    await a.subscribe('s', () => void got.push('third'));
    await b.publish('s', bytes('3'));
    await until(() => got.length > 1, patience);
    await settled(a, b);
    assert.deepEqual(got, ['second', 'third']);
  },

  async 'is subscribed to what was subscribed to last, however quickly that changes'(a, b) {
    const got: number[] = [];
    for (let n = 0; n < 20; n++) {
      const unsubscribe = await a.subscribe('s', () => void got.push(-1));
      const ended = unsubscribe();
      const next = a.subscribe('s', () => void got.push(n));
      await Promise.all([ended, next]);
      await b.publish('s', bytes('x'));
      await until(() => got.length === n + 1, patience);
      await (
        await next
      )();
    }
    assert.deepEqual(
      got,
      Array.from({ length: 20 }, (_, n) => n),
    );
  },

  async 'survives a listener that throws: the others are told, and what comes later arrives'(a, b) {
    const got: string[] = [];
    await a.subscribe('s', (data) => {
      // Where it is reported its stack would fill the screen.
      if (textOf(data) === '2')
        throw Object.assign(new Error('thrown by the broker contract, on purpose'), { stack: '' });
    });
    await a.subscribe('s', (data) => void got.push(textOf(data)));
    for (const text of ['1', '2', '3']) await b.publish('s', bytes(text));
    await until(() => got.length === 3, patience);
    assert.deepEqual(got, ['1', '2', '3']);
    assert.equal(a.health().link, 'up');
  },

  async 'holds 100 000 subscriptions'(a, b) {
    let got = 0;
    const taken = await Promise.all(Array.from({ length: 100_000 }, (_, n) => a.subscribe(`s${n}`, () => void got++)));
    for (const n of [0, 50_000, 99_999]) await b.publish(`s${n}`, bytes('x'));
    await until(() => got === 3, patience);
    await Promise.all(taken.map((unsubscribe) => unsubscribe()));
    await b.publish('s99999', bytes('x'));
    await settled(a, b);
    assert.equal(got, 3);
    assert.equal(a.health().link, 'up');
  },

  async 'closes once, and takes nothing from then on'(a) {
    let got = 0;
    await a.subscribe('s', () => void got++);
    assert.equal(a.health().link, 'up');
    assert.equal(a.health().queued, 0);
    const links = linkEventsOf(a);
    await Promise.all([a.close(), a.close()]);
    await a.close();
    await rejects(a.publish('s', bytes('x')), 'HALYARD_BROKER_CLOSED');
    await rejects(
      a.subscribe('s', () => undefined),
      'HALYARD_BROKER_CLOSED',
    );
    assert.equal(a.health().link, 'down');
    assert.equal(got, 0);
    assert.deepEqual(links, []);
  },

  async 'sends what was published before its close'(a, b) {
    if (a === b) return;
    let got = 0;
    await b.subscribe('s', () => void got++);
    const published = Promise.all(Array.from({ length: 100 }, () => a.publish('s', bytes('x'))));
    await a.close();
    await published;
    await until(() => got === 100, patience);
  },
};

type Outage = Required<BrokerHarness>['outage'];

const outageCases: Record<string, (a: Broker, b: Broker, outage: Outage) => Promise<void>> = {
  async 'tells of an outage and of its end, in turn, and subscribes again by itself'(a, b, outage) {
    const links = [linkEventsOf(a), linkEventsOf(b)];
    const got: string[] = [];
    await a.subscribe('s', (data) => void got.push(textOf(data)));
    for (let round = 1; round <= 2; round++) {
      await outage.begin();
      await until(() => a.health().link === 'down' && b.health().link === 'down', patience);
      await outage.end();
      await until(() => a.health().link === 'up' && b.health().link === 'up', patience);
      await b.publish('s', bytes(`round ${round}`));
      await until(() => got.length === round, patience);
    }
    assert.deepEqual(got, ['round 1', 'round 2']);
    for (const events of links) assert.deepEqual(events, ['down', 'up', 'down', 'up']);
  },

  async 'refuses in an outage, soon and with an outcome, and takes what it refused afterwards'(a, b, outage) {
    await a.subscribe('before', () => undefined);
    await outage.begin();
    await until(() => a.health().link === 'down', patience);
    const started = performance.now();
    const attempts = [
      a.publish('s', bytes('x')),
      a.subscribe('during', () => undefined),
      a.subscribe('before', () => undefined),
    ];
    for (const result of await Promise.allSettled(attempts)) {
      assert.equal(result.status, 'rejected');
      assert.ok(result.reason instanceof BrokerUnavailableError, String(result.reason));
      // The link was known to be down: nothing has gone out.
      assert.equal(result.reason.outcome, 'rejected');
    }
    assert.ok(performance.now() - started < 10_000);
    assert.equal(a.health().queued, 0);
    await outage.end();
    await until(() => a.health().link === 'up' && b.health().link === 'up', patience);
    const got: string[] = [];
    await a.subscribe('during', (data) => void got.push(textOf(data)));
    await b.publish('during', bytes('x'));
    await until(() => got.length === 1, patience);
  },

  async 'bounds what waits in an outage'(a, _b, outage) {
    await outage.begin();
    await until(() => a.health().link === 'down', patience);
    const attempts = Array.from({ length: 20_000 }, () => a.publish('s', bytes('x')));
    const { queued } = a.health();
    const results = await Promise.allSettled(attempts);
    assert.ok(queued < 20_000, `${queued} of 20000 wait`);
    assert.ok(results.every(({ status }) => status === 'rejected'));
  },

  async 'closes promptly in an outage'(a, _b, outage) {
    await a.subscribe('s', () => undefined);
    await outage.begin();
    await until(() => a.health().link === 'down', patience);
    const waiting = a.publish('s', bytes('x'));
    const started = performance.now();
    const [result] = await Promise.allSettled([waiting, a.close()]);
    assert.ok(performance.now() - started < 3000);
    assert.equal(result.status, 'rejected');
  },
};

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString();
}

function linkEventsOf(broker: Broker): LinkState[] {
  const events: LinkState[] = [];
  broker.onLink((state) => events.push(state));
  return events;
}

/** What was published before by these nodes has arrived, or never will: something published later has. */
async function settled(...nodes: readonly Broker[]): Promise<void> {
  for (const [at, to] of nodes.entries()) {
    const heard = new Set<string>();
    const unsubscribe = await to.subscribe(`settled ${at}`, (data) => void heard.add(textOf(data)));
    for (const [from, node] of nodes.entries()) await node.publish(`settled ${at}`, bytes(String(from)));
    await until(() => heard.size === nodes.length, patience);
    await unsubscribe();
  }
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, (error) => error instanceof HalyardError && error.code === code);
}
