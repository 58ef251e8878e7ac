/** What brokers over an engine make of its faults: real engines, killed, stopped, cut off and come back. */
import { inspect } from 'node:util';
import { expect, it } from '@jest/globals';
import { BrokerUnavailableError, type Broker } from 'halyard';
import { natsBroker } from 'halyard/nats';
import { redisBroker } from 'halyard/redis';
import { until } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { describeWith, startEngine, type EngineName } from './support/engines.js';
import { LinkLog } from './support/link-log.js';
import { startProxy } from './support/proxy.js';
import { startScript, type Script } from './support/script.js';

const makers: Record<EngineName, (url: string) => Broker> = {
  redis: (url) => redisBroker({ url }),
  nats: (url) => natsBroker({ servers: url }),
};
const minute = 60_000;
const long = { timeout: 20_000 };

function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

/** The outcomes of publications: `taken`, or that of the error. */
async function outcomesOf(publications: readonly Promise<void>[]): Promise<string[]> {
  const results = await Promise.allSettled(publications);
  return results.map((result) => {
    if (result.status === 'fulfilled') return 'taken';
    expect(result.reason).toBeInstanceOf(BrokerUnavailableError);
    expect(result.reason).toMatchObject({ code: 'HALYARD_BROKER_UNAVAILABLE', temporary: true });
    return (result.reason as BrokerUnavailableError).outcome;
  });
}

for (const name of ['redis', 'nats'] as const) {
  describeWith(name)(`an outage of ${name}`, () => {
    /** A broker whose link is up, closed after the test. */
    async function openBroker(url: string): Promise<{ broker: Broker; link: LinkLog }> {
      const broker = makers[name](url);
      closeLater({ abandon: () => broker.close() });
      const link = new LinkLog(broker);
      await link.is('up');
      link.events.length = 0;
      return { broker, link };
    }

    function startProcess(url: string, task: string): Script {
      return startScript('broker-process', [name, url, task]);
    }

    it(
      'R-broker-restore an engine that comes back empty is subscribed to all of 10 000 subjects before the link is up',
      async () => {
        const engine = await startEngine(name);
        const { broker, link } = await openBroker(engine.url);
        const { broker: other, link: otherLink } = await openBroker(engine.url);
        let got = 0;
        const subjects = Array.from({ length: 10_000 }, (_, n) => `subject ${n}`);
        await Promise.all(subjects.map((subject) => broker.subscribe(subject, () => got++)));
        await engine.kill();
        await Promise.all([link.is('down'), otherLink.is('down')]);
        await engine.start();
        // At once: who was told that the link is up may rely on it.
        const up = new Promise<void>((resolve) => {
          broker.onLink((state) => {
            if (state === 'up') resolve();
          });
        });
        await Promise.all([up, otherLink.is('up')]);
        await Promise.all(subjects.map((subject) => other.publish(subject, bytes('x'))));
        await until(() => got === subjects.length, long);
        expect(link.states).toEqual(['down', 'up']);
      },
      minute,
    );

    it(
      'R-broker-silent an engine that is stopped for 8 s: what it was sent is unknown, what comes later refused, and all is well after it',
      async () => {
        const engine = await startEngine(name);
        const { broker, link } = await openBroker(engine.url);
        const got: string[] = [];
        await broker.subscribe('s', (data) => got.push(Buffer.from(data).toString()));
        await engine.stop();
        const stoppedMs = performance.now();
        const sent = outcomesOf([broker.publish('s', bytes('sent'))]);
        await link.is('down');
        expect(link.events[0]!.atMs - stoppedMs).toBeLessThan(5000);
        expect(await sent).toEqual(['unknown']);
        const later = outcomesOf([broker.publish('s', bytes('later'))]);
        expect(broker.health().queued).toBe(1);
        expect(await later).toEqual(['rejected']);
        expect(broker.health()).toMatchObject({ link: 'down', queued: 0, reason: expect.any(String) });
        await until(() => performance.now() - stoppedMs > 8000, long);
        engine.resume();
        await link.is('up');
        expect(await outcomesOf([broker.publish('s', bytes('after'))])).toEqual(['taken']);
        await until(() => got.includes('after'), long);
        expect(got).not.toContain('later');
        link.expectAlternating();
      },
      minute,
    );

    it(
      'R-broker-half-open a link that carries nothing any more, and is not closed, is noticed within 5 s, and left',
      async () => {
        const engine = await startEngine(name);
        const proxy = await startProxy(engine.port);
        const { broker, link } = await openBroker(engine.url.replace(`${engine.port}`, `${proxy.port}`));
        let got = 0;
        await broker.subscribe('s', () => got++);
        proxy.freeze();
        const frozenMs = performance.now();
        // More than the system's buffers hold: leaving must not wait for it to be written.
        const sent = Array.from({ length: 12 }, () => broker.publish('s', new Uint8Array(1024 ** 2)));
        const outcomes = outcomesOf(sent);
        await link.is('down');
        expect(link.events[0]!.atMs - frozenMs).toBeLessThan(5000);
        proxy.thaw();
        await link.is('up');
        expect(new Set(await outcomes)).toEqual(new Set(['unknown']));
        expect(await outcomesOf([broker.publish('s', bytes('x'))])).toEqual(['taken']);
        await until(() => got === 1, long);
        expect(link.states).toEqual(['down', 'up']);
      },
      minute,
    );

    it(
      'R-broker-reset connections that are reset are made again; a slow network changes nothing',
      async () => {
        const engine = await startEngine(name);
        const proxy = await startProxy(engine.port);
        proxy.delayMs = 50;
        const { broker, link } = await openBroker(engine.url.replace(`${engine.port}`, `${proxy.port}`));
        const got: string[] = [];
        await broker.subscribe('s', (data) => got.push(Buffer.from(data).toString()));
        const publications = Array.from({ length: 100 }, (_, n) => broker.publish('s', bytes(`${n}`)));
        expect(new Set(await outcomesOf(publications))).toEqual(new Set(['taken']));
        await until(() => got.length === 100, long);
        expect(got).toEqual(Array.from({ length: 100 }, (_, n) => `${n}`));
        expect(link.states).toEqual([]);
        for (let round = 1; round <= 3; round++) {
          proxy.drop();
          await link.recovers(2 * (round - 1));
        }
        await broker.publish('s', bytes('after'));
        await until(() => got.includes('after'), long);
        link.expectAlternating();
      },
      minute,
    );

    it(
      'R-broker-queue what is published in an outage waits, 1000 publications or 4 MiB for 2 s, and goes out before what comes later',
      async () => {
        const engine = await startEngine(name);
        const { broker, link } = await openBroker(engine.url);
        const got: string[] = [];
        await broker.subscribe('s', (data) => got.push(Buffer.from(data).toString()));
        await engine.kill();
        await link.is('down');

        const firstMs = performance.now();
        const many = Array.from({ length: 1200 }, () => broker.publish('s', bytes('many')));
        expect(broker.health().queued).toBe(1000);
        const startedMs = performance.now();
        await expect(many[1199]).rejects.toMatchObject({ outcome: 'rejected' });
        expect(performance.now() - startedMs).toBeLessThan(1000);
        expect(new Set(await outcomesOf(many))).toEqual(new Set(['rejected']));
        expect(performance.now() - firstMs).toBeGreaterThan(1900);

        const large = Array.from({ length: 6 }, () => broker.publish('s', new Uint8Array(1024 ** 2)));
        expect(broker.health().queued).toBe(4);
        expect(new Set(await outcomesOf(large))).toEqual(new Set(['rejected']));

        // Into the outage and out of it, without a pause.
        await engine.start();
        const published: Promise<void>[] = [];
        for (let n = 0; broker.health().link === 'down'; n++) {
          published.push(broker.publish('s', bytes(`${n}`)));
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        for (let n = published.length; n % 50 > 0 || n < 100; n++) published.push(broker.publish('s', bytes(`${n}`)));
        const outcomes = await outcomesOf(published);
        const taken = outcomes.flatMap((outcome, n) => (outcome === 'taken' ? [`${n}`] : []));
        expect(taken.length).toBeGreaterThan(0);
        expect(outcomes).not.toContain('unknown');
        await until(() => got.length >= taken.length, long);
        expect(got).toEqual(taken);
      },
      minute,
    );

    it(
      'R-broker-paused a process that was stopped for 6 s reads what has waited for it, and its link was never down',
      async () => {
        const engine = await startEngine(name);
        const { broker } = await openBroker(engine.url);
        const child = startProcess(engine.url, 'listen');
        await child.saw('listening');
        child.kill('SIGSTOP');
        for (let n = 0; n < 6; n++) {
          await broker.publish('s', bytes(`${n}`));
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
        child.kill('SIGCONT');
        await broker.publish('s', bytes('last'));
        await child.saw('heard last');
        // Its next looks at the link as well.
        await new Promise((resolve) => setTimeout(resolve, 2500));
        expect(child.lines).toEqual(['listening', ...Array.from({ length: 6 }, (_, n) => `heard ${n}`), 'heard last']);
      },
      minute,
    );

    it.each(['up', 'down'])(
      'R-broker-close a process that closes its broker while the link is %s has nothing left to do',
      async (state) => {
        const engine = await startEngine(name);
        if (state === 'down') await engine.kill();
        const child = startProcess(engine.url, state);
        expect(await child.exited()).toBe(0);
        const [, closedInMs] = /^closed in (\d+) ms$/.exec(child.lines[0]!)!;
        expect(Number(closedInMs)).toBeLessThan(2000);
      },
      minute,
    );

    it('R-broker-secret no password is in an error, nor in its health', async () => {
      const password = '4secret';
      const engine = await startEngine(
        name,
        name === 'redis' ? ['--requirepass', password] : ['--user', 'ada', '--pass', password],
      );
      const user = name === 'redis' ? 'default' : 'ada';
      const { broker } = await openBroker(engine.url.replace('://', `://${user}:${password}@`));
      await broker.publish('s', bytes('x'));
      const wrong = makers[name](engine.url.replace('://', `://${user}:wrong-${password}@`));
      closeLater({ abandon: () => wrong.close() });
      const failed: unknown = await wrong.publish('s', bytes('x')).catch((error: unknown) => error);
      expect(failed).toBeInstanceOf(BrokerUnavailableError);
      const { cause } = failed as Error;
      expect((cause as Error).message).toMatch(/password|authorization/i);
      expect(wrong.health().reason).toBe((cause as Error).message);
      expect(inspect(failed, { depth: 9, showHidden: true })).not.toContain(password);
      const wrongUrls = ['@:/:/', 'p@ss#word@host', '@host@host', '#@host', '/1@host', '?@host', '%@host'].flatMap(
        (end) => [`${name}://${user}:${password}${end}`, `${name}://:${password}${end}`, `${name}://${password}${end}`],
      );
      for (const url of wrongUrls) {
        let thrown: unknown;
        try {
          makers[name](url);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toMatchObject({ code: 'HALYARD_SETTING' });
        expect(inspect(thrown, { depth: 9, showHidden: true })).not.toContain(password);
      }
    });
  });
}
