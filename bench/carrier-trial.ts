import type { CarrierCommands } from './carriers/carrier.js';
import { Engine, type EngineName } from './engines/engine.js';
import type { RunLength } from './load/run.js';
import { loadCore, serverCore } from './machine.js';
import { Remote } from './remote.js';
import type { Sample } from './sample.js';
import type { Contestant, Trial } from './scenario.js';

/** How many channels are subscribed again after the connection was lost. */
const channels = 100_000;

/** A node's way to an engine: the node is one process, the engine another. An operation is a publication, there and back. */
export class CarrierTrial implements Trial {
  #engine: Engine | undefined = undefined;
  #carrier: Remote<CarrierCommands> | undefined = undefined;
  #restoredMs: number | undefined = undefined;

  constructor(
    private readonly name: Contestant,
    /** Without one, the primary of a cluster. */
    private readonly engineName: EngineName | undefined,
  ) {}

  async open(): Promise<void> {
    if (this.engineName) this.#engine = await Engine.start(this.engineName);
    const { file, core } = this.#engine
      ? { file: `${this.name}.js`, core: serverCore }
      : { file: 'cluster-primary.js', core: loadCore };
    const url = new URL(`./carriers/${file}`, import.meta.url);
    this.#carrier = new Remote(this.name, url, { core, args: [this.name] });
    await this.#carrier.ask('open', this.#engine?.url ?? '');
    if (!this.#engine) return;
    await this.#carrier.ask('subscribe', this.#engine.proxyUrl, channels);
    const restored = this.#carrier.ask('restored');
    this.#engine.cut();
    this.#restoredMs = await restored;
  }

  async measure(length: RunLength): Promise<Sample> {
    const { publications, elapsedMs, cpuUs } = await this.#carrier!.ask('carry', length);
    const { p50Us, localUs } = await this.#carrier!.ask('latency');
    return {
      cpuUsPerOp: cpuUs / publications,
      opsPerSecond: (publications / elapsedMs) * 1000,
      p50Us,
      ...(localUs !== undefined && { addedUs: p50Us - localUs }),
      ...(this.#restoredMs !== undefined && { restoredMs: this.#restoredMs }),
    };
  }

  async stop(): Promise<void> {
    await this.#carrier?.stop();
    await this.#engine?.stop();
  }
}
