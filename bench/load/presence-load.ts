import type { ChatMessage } from '../work.js';
import type { Client } from './client.js';
import { Crowd, type Traffic } from './crowd.js';
import type { Dialect } from './dialect.js';
import { maskedFrame, opcode } from './frames.js';
import { Run, type RunResult } from './run.js';

export interface PresencePlan {
  readonly kind: 'presence';
  /** All of them join one channel, each under a key of its own. */
  readonly clients: number;
  /** Over how long their joins are spread. */
  readonly overMs: number;
  /** Whether a client is done when it was told how many there are, not who: there are more than a channel shows. */
  readonly counted?: boolean;
}

/** What presence sends, as Phoenix does. */
interface PresenceFrame {
  readonly event: 'presence_state' | 'presence_diff' | 'presence_count';
  readonly payload: Record<string, unknown> & { readonly joins?: Record<string, unknown>; readonly count?: number };
}

interface Metas {
  readonly metas: readonly { readonly name: string }[];
}

const tickMs = 10;
const countPrefix = Buffer.from('{"event":"presence_count"');

/** Clients that join one channel. An operation is a join, done when its client's own list holds all of them. */
export class PresenceLoad implements Traffic {
  #crowd: Crowd | undefined = undefined;
  #run: Run | undefined = undefined;
  /** Whom each client knows of. */
  #known = new Map<Client, Set<string>>();
  #storms = 0;

  constructor(
    private readonly plan: PresencePlan,
    private readonly port: number,
    private readonly dialect: Dialect,
  ) {}

  open(): void {}

  /** New clients for each run, and a channel of its own: nobody is in it yet. */
  async prepare(): Promise<void> {
    await this.#crowd?.close();
    this.#storms += 1;
    this.#crowd = new Crowd(this.port, this.dialect, 'presence');
    await this.#crowd.open(this.plan.clients, this);
    this.#known = new Map(this.#crowd.clients.map((client) => [client, new Set<string>()]));
  }

  run(): Promise<RunResult> {
    const run = (this.#run = new Run({ ms: 0, operations: this.plan.clients }));
    const joins = this.#crowd!.clients.map((client, index) => [client, this.#join(index)] as const);
    const begun = performance.now();
    let joined = 0;
    const joinDue = (): void => {
      const share = this.plan.overMs === 0 ? 1 : (performance.now() - begun) / this.plan.overMs;
      for (const due = Math.min(1, share) * joins.length; joined < due; joined += 1) {
        const [client, frame] = joins[joined]!;
        client.write(frame);
      }
      if (joined < joins.length) setTimeout(joinDue, tickMs);
    };
    joinDue();
    return run.result;
  }

  /** @internal */
  frame(client: Client, _head: number, data: Buffer, start: number, end: number): void {
    const known = this.#known.get(client)!;
    if (this.plan.counted) {
      const isCount = data.compare(countPrefix, 0, countPrefix.length, start, start + countPrefix.length) === 0;
      if (!isCount || parse(data, start, end).payload.count !== this.plan.clients || known.size > 0) return;
      known.add('all');
      this.#done();
      return;
    }
    const { event, payload } = parse(data, start, end);
    const joins = event === 'presence_state' ? payload : (payload.joins ?? {});
    for (const [key, presence] of Object.entries(joins)) {
      if ((presence as Metas).metas[0]?.name !== key) throw new Error(`wrong meta of ${key}`);
      if (known.size === this.plan.clients) throw new Error(`${key} joined twice`);
      known.add(key);
    }
    if (known.size === this.plan.clients) this.#done();
  }

  /** @internal */
  read(): void {}

  /** @internal */
  lost(error: Error): void {
    this.#run?.fail(error);
  }

  #join(index: number): Buffer {
    const message: ChatMessage = { room: `storm-${this.#storms}`, author: `user-${index}`, text: '', sequence: index };
    return maskedFrame(opcode.text, this.dialect.request(JSON.stringify(message)));
  }

  #done(): void {
    const run = this.#run!;
    run.operations += 1;
    if (run.operations < this.plan.clients) return;
    this.#run = undefined;
    run.finish();
  }
}

function parse(data: Buffer, start: number, end: number): PresenceFrame {
  return JSON.parse(data.toString('utf8', start, end)) as PresenceFrame;
}
