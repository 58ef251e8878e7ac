import cluster, { type Worker } from 'node:cluster';
import { isOurs, type Answer, type Port, type Request } from './cluster-port.js';
import { entriesOf, Parcel } from './parcel.js';

/** How much may wait for one node. A worker that takes nothing would grow the primary: it is cut off, and told. */
const maxWaitingBytes = 64 * 1024 ** 2;

/** One broker of one process, as the relay knows it. */
class RelayNode {
  readonly subjects = new Set<string>();
  readonly #outbox = new Parcel();
  #waitingBytes = 0;
  #isScheduled = false;
  #isCut = false;

  constructor(
    readonly id: number,
    private readonly send: Port<Answer, Request>['send'],
    private readonly whenCut: (node: RelayNode) => void,
  ) {}

  ack(n: number): void {
    // Behind what it was sent before: after an answer nothing older comes.
    this.#flush();
    this.send({ halyard: 'ack', node: this.id, n });
  }

  deliver(packed: Uint8Array): void {
    if (this.#isCut) return;
    this.#outbox.addPacked(packed);
    if (this.#waitingBytes + this.#outbox.bytes > maxWaitingBytes) return this.#cut();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // With all else that comes in this turn of the event loop.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const { bytes } = this.#outbox;
    if (bytes === 0) return;
    this.#waitingBytes += bytes;
    this.send({ halyard: 'deliver', node: this.id, parcel: this.#outbox.take() }, () => (this.#waitingBytes -= bytes));
  }

  #cut(): void {
    this.#isCut = true;
    this.#outbox.take();
    this.whenCut(this);
    this.send({ halyard: 'cut', node: this.id });
  }
}

/**
 * Carries between the processes of a cluster: one in the primary. Each publication is given to the nodes that are subscribed
 * to its subject, the publisher's own too, in the order in which they came in: one order for all.
 */
export class ClusterRelay {
  readonly #subjects = new Map<string, Set<RelayNode>>();
  /** By the process that they are in. */
  readonly #nodes = new Map<object, Map<number, RelayNode>>();

  /** Serves all workers, present and future. */
  start(): void {
    const sends = new WeakMap<Worker, Port<Answer, Request>['send']>();
    const sendOf = (worker: Worker): Port<Answer, Request>['send'] => {
      let send = sends.get(worker);
      if (!send) {
        // One that has gone is told nothing.
        send = (message, sent = () => undefined) => void worker.send(message, undefined, sent);
        sends.set(worker, send);
      }
      return send;
    };
    cluster.on('message', (worker, message: unknown) => {
      if (isOurs(message)) this.receive(worker, message, sendOf(worker));
    });
    cluster.on('disconnect', (worker) => this.forget(worker));
    cluster.on('exit', (worker) => this.forget(worker));
  }

  /** @param process where it comes from, and `send` the way back */
  receive(process: object, request: Request, send: Port<Answer, Request>['send']): void {
    const { node: id, n } = request;
    // From a worker that was forked before the primary chose the serialization.
    if ('parcel' in request && !(request.parcel instanceof Uint8Array)) return;
    if (request.halyard === 'hello') this.#greet(process, id, send);
    const node = this.#nodes.get(process)?.get(id);
    // It was cut off, or its process has gone: it says hello again.
    if (!node) return;
    if (request.halyard === 'publish') {
      for (const { subject, packed } of entriesOf(request.parcel)) {
        for (const subscribed of this.#subjects.get(subject) ?? []) subscribed.deliver(packed);
      }
    } else if (request.halyard === 'subscribe') {
      for (const subject of request.subjects) this.#subscribe(node, subject);
    } else if (request.halyard === 'unsubscribe') {
      for (const subject of request.subjects) this.#unsubscribe(node, subject);
    }
    node.ack(n);
    if (request.halyard === 'bye') this.#remove(process, node);
  }

  /** All nodes of a process. */
  forget(process: object): void {
    for (const node of this.#nodes.get(process)?.values() ?? []) this.#clear(node);
    this.#nodes.delete(process);
  }

  /** It begins anew, with nothing. */
  #greet(process: object, id: number, send: Port<Answer, Request>['send']): void {
    let nodes = this.#nodes.get(process);
    if (!nodes) this.#nodes.set(process, (nodes = new Map<number, RelayNode>()));
    const former = nodes.get(id);
    if (former) this.#clear(former);
    nodes.set(id, new RelayNode(id, send, (node) => this.#remove(process, node)));
  }

  #remove(process: object, node: RelayNode): void {
    this.#clear(node);
    this.#nodes.get(process)?.delete(node.id);
  }

  #subscribe(node: RelayNode, subject: string): void {
    let nodes = this.#subjects.get(subject);
    if (!nodes) this.#subjects.set(subject, (nodes = new Set()));
    nodes.add(node);
    node.subjects.add(subject);
  }

  #unsubscribe(node: RelayNode, subject: string): void {
    const nodes = this.#subjects.get(subject);
    if (nodes?.delete(node) && nodes.size === 0) this.#subjects.delete(subject);
    node.subjects.delete(subject);
  }

  #clear(node: RelayNode): void {
    for (const subject of node.subjects) this.#unsubscribe(node, subject);
  }
}
