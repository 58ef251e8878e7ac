/** One run: an engine, nodes behind proxies, clients, and what the scenarios do to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine, type EngineProcess } from '../support/engines.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { randomFrom } from '../support/random.js';
import { check, type Disturbance } from './checker.js';
import { Session } from './client.js';
import { NodeProcess, settles } from './cluster.js';
import type { Engine, Seen } from './messages.js';

export const heartbeatMs = 1000;
export const leaseMs = 4000;
/** The promise, with a heartbeat that is 15 % late. */
const convergeMs = leaseMs + heartbeatMs * 1.15;
/** What the harness itself may add: looking takes time, and the machine does other things. */
const lookingMs = 1500;

const channels = ['one', 'two', 'weird * > . ? [x] \n ☃'];
const users = ['ada', 'bob', 'cyd', 'dee', '__proto__', 'eve'];

/** A node's place: a name, and a way to the engine that can be disturbed. */
export interface Place {
  readonly name: string;
  readonly proxy: Proxy;
  node: NodeProcess;
}

/** A person with one connection, who comes back when it ends. */
interface Player {
  readonly user: string;
  session: Session;
}

/** Something that breaks, for as long as `play` runs: what follows is the time that healing takes. */
export interface Scenario {
  readonly name: string;
  /** @default both */
  readonly engines?: readonly Engine[];
  play(run: ChaosRun): Promise<void>;
}

export class ChaosRun {
  readonly log: string[] = [];
  readonly places: Place[] = [];
  engine!: EngineProcess;
  readonly random: () => number;
  readonly #players: Player[] = [];
  readonly #sessions: Session[] = [];
  readonly #disturbances: Disturbance[] = [];
  readonly #extra: NodeProcess[] = [];
  #loops: Promise<void>[] = [];
  #isLoading = false;
  #isCalm = true;
  #isOver = false;

  constructor(
    readonly kind: Engine,
    readonly seed: number,
  ) {
    this.random = randomFrom(seed);
  }

  /** @param most how many of the scenarios */
  async play(scenarios: readonly Scenario[], most: number): Promise<string> {
    const possible = scenarios.filter(({ engines }) => !engines || engines.includes(this.kind));
    // Drawn before the clients draw, too: how often they do depends on how fast the machine is.
    const drawn = this.shuffled(possible).slice(0, most);
    await this.#open();
    for (const scenario of drawn) await this.#playOne(scenario);
    const verdict = check(this.#sessions, this.#disturbances, this.kind === 'redis' ? 'total' : 'publisher');
    if (verdict.violations.length > 0) {
      throw new Error(`${verdict.violations.length} violations:\n  ${verdict.violations.slice(0, 20).join('\n  ')}`);
    }
    if (verdict.acknowledged === 0 || verdict.deliveries === 0) throw new Error('nothing was said, or nothing heard');
    const { acknowledged, deliveries, reportedLosses, gaps } = verdict;
    return (
      `${this.log.join('\n')}\n  ${acknowledged} acknowledged, ${deliveries} deliveries, ` +
      `${reportedLosses} losses reported by ${gaps} gaps, ${this.#sessions.length} connections`
    );
  }

  /** A node that runs now, at random. */
  somePlace(): Place {
    return this.places[Math.floor(this.random() * this.places.length)]!;
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  /** A node with a place's name and way to the engine, beside the one that is there. */
  async startExtra(name: string, proxy: Proxy): Promise<NodeProcess> {
    const node = this.#start(name, proxy);
    this.#extra.push(node);
    await node.listening();
    return node;
  }

  /** Half of the clients lose their connection, and come back anywhere. */
  scatter(): void {
    for (const { session } of this.shuffled(this.#players).slice(0, this.#players.length / 2)) session.terminate();
  }

  /** Starts a place's node anew, under its name. Does not wait for it: the engine may be away. */
  restart(place: Place): NodeProcess {
    return (place.node = this.#start(place.name, place.proxy));
  }

  /** Ends the churn, wherever things are. */
  async hush(): Promise<void> {
    this.#isLoading = false;
    await Promise.all(this.#loops);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#isLoading = false;
    for (const session of this.#sessions) session.terminate();
    await Promise.all(this.#nodes.map((node) => node.kill()));
    await Promise.allSettled(this.#loops);
  }

  async #open(): Promise<void> {
    this.engine = await startEngine(this.kind);
    for (const name of ['a', 'b', 'c']) {
      const proxy = await startProxy(this.engine.port);
      this.places.push({ name, proxy, node: this.#start(name, proxy) });
    }
    await Promise.all(this.places.map(({ node }) => node.listening()));
    for (const [index, user] of [...users, ...users].entries()) {
      // Two connections of each user, on different nodes.
      const { node } = this.places[(index + Math.floor(index / users.length)) % this.places.length]!;
      this.#players.push({ user, session: await this.#connect(user, node) });
    }
    await this.#load();
    await this.hush();
    await this.#converge('start');
  }

  async #playOne(scenario: Scenario): Promise<void> {
    await this.#load();
    await sleep(200 + this.random() * 300);
    const from = Date.now();
    this.#isCalm = false;
    await scenario.play(this);
    const endedAt = performance.now();
    await this.hush();
    await Promise.all(this.#players.map((player) => this.#comeBack(player)));
    const tookMs = await this.#converge(scenario.name, endedAt);
    this.log.push(`  ${scenario.name}: ${(tookMs / 1000).toFixed(2)} s`);
    await this.#dropExtra(scenario);
    this.#isCalm = true;
    this.#disturbances.push({ name: scenario.name, from, until: Date.now() });
    const crashed = this.#nodes.find(({ hasCrashed }) => hasCrashed);
    if (crashed) throw new Error(`${scenario.name}: node ${crashed.settings.name} crashed: ${crashed.output}`);
  }

  /** Nodes of the scenario's own: what they had must be gone before the next one begins. */
  async #dropExtra({ name }: Scenario): Promise<void> {
    if (this.#extra.length === 0) return;
    await Promise.all(this.#extra.splice(0).map((node) => node.kill()));
    await Promise.all(this.#players.map((player) => this.#comeBack(player)));
    await this.#converge(`${name}, and gone again`);
  }

  /** Everybody goes on with what they do, until `hush`. */
  async #load(): Promise<void> {
    this.#isLoading = true;
    this.#loops = this.#players.map((player) => this.#churn(player));
    // Something is there before anything is broken.
    await Promise.all(this.#players.map(({ session }) => this.#settleIn(session)));
  }

  async #settleIn(session: Session): Promise<void> {
    for (const channel of channels.slice(0, 2)) {
      await session.join(channel);
      await session.track(channel, { state: 'in' });
    }
  }

  async #churn(player: Player): Promise<void> {
    while (this.#isLoading) {
      await this.#comeBack(player);
      const { session } = player;
      const channel = channels[Math.floor(this.random() * channels.length)]!;
      const dice = this.random();
      if (dice < 0.6) void session.publish(channel);
      else if (dice < 0.75) await session.track(channel, { state: `${Math.floor(this.random() * 1000)}` });
      else if (dice < 0.8) await session.untrack(channel);
      else if (dice < 0.9) await session.join(channel);
      else if (dice < 0.95) await session.leave(channel, this.#isCalm);
      await sleep(5 + this.random() * 20);
    }
  }

  /** Connects again, to any node that lets it in. */
  async #comeBack(player: Player): Promise<void> {
    while (!player.session.isOpen && !this.#isOver) {
      const running = this.#nodes.filter(({ isRunning, port }) => isRunning && port > 0);
      const node = running[Math.floor(this.random() * running.length)];
      if (node) {
        player.session = await this.#connect(player.user, node);
        if (player.session.isOpen) await this.#settleIn(player.session);
      }
      if (!player.session.isOpen) await sleep(50);
    }
  }

  async #connect(user: string, node: NodeProcess): Promise<Session> {
    const session = new Session(node.port, user);
    this.#sessions.push(session);
    await session.opened();
    return session;
  }

  /** All that live, or should. */
  get #nodes(): NodeProcess[] {
    return [...this.places.map(({ node }) => node), ...this.#extra];
  }

  #start(name: string, proxy: Proxy): NodeProcess {
    const url = `${this.kind === 'redis' ? 'redis' : 'nats'}://127.0.0.1:${proxy.port}`;
    return new NodeProcess({ engine: this.kind, url, name, heartbeat: heartbeatMs, lease: leaseMs, channels });
  }

  /** Every node shows the union of what the live connections track, and so does every client. */
  async #converge(name: string, since = performance.now()): Promise<number> {
    const nodes = this.#nodes;
    let seen: (Seen | undefined)[] = [];
    let different = '';
    const expected = this.#expected();
    if (Object.values(expected).every((lines) => lines.length === 0)) throw new Error(`${name}: nobody is present`);
    const isSettled = async (): Promise<boolean> => {
      seen = await Promise.all(nodes.map((node) => node.see()));
      different = this.#difference(expected, nodes, seen);
      return different === '';
    };
    const settled = await settles(isSettled, convergeMs + lookingMs - (performance.now() - since));
    if (settled === undefined) throw new Error(`${name}: not within lease + heartbeat:\n    ${different}`);
    for (const [index, each] of seen.entries()) {
      if (each!.metrics.repairs > 0)
        this.log.push(`  node ${nodes[index]!.settings.name}: ${each!.metrics.repairs} repairs`);
    }
    return performance.now() - since;
  }

  #expected(): Record<string, string[]> {
    const expected: Record<string, string[]> = Object.fromEntries(channels.map((channel) => [channel, []]));
    for (const { session, user } of this.#players) {
      for (const [channel, meta] of session.tracked) expected[channel]!.push(`${user} ${JSON.stringify(meta)}`);
    }
    for (const lines of Object.values(expected)) lines.sort();
    return expected;
  }

  #difference(
    expected: Record<string, string[]>,
    nodes: readonly NodeProcess[],
    seen: readonly (Seen | undefined)[],
  ): string {
    const wrong: string[] = [];
    for (const [index, each] of seen.entries()) {
      const { name } = nodes[index]!.settings;
      if (!each) wrong.push(`node ${name} does not answer`);
      else if (each.link !== 'up') wrong.push(`the link of node ${name} is down`);
      else {
        for (const channel of channels) {
          const what = compare(expected[channel]!, each.presence[channel]!);
          if (what) wrong.push(`node ${name}, ${JSON.stringify(channel)}: ${what} ${JSON.stringify(each.metrics)}`);
        }
      }
    }
    for (const { session } of this.#players) {
      for (const channel of channels) {
        const list = session.listOf(channel);
        const what = list && compare(expected[channel]!, list);
        if (what) wrong.push(`client ${session.name}, ${JSON.stringify(channel)}: ${what}`);
      }
    }
    return wrong.join('\n    ');
  }
}

function compare(expected: readonly string[], got: readonly string[]): string {
  const missing = expected.filter((line) => !got.includes(line));
  const ghosts = got.filter((line) => !expected.includes(line));
  if (missing.length + ghosts.length === 0 && expected.length === got.length) return '';
  return `missing ${JSON.stringify(missing)}, ghosts ${JSON.stringify(ghosts)} (${expected.length}/${got.length})`;
}
