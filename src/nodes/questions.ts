import { BrokerUnavailableError, HalyardError } from '../errors.js';
import type { Membership, MembershipListener } from './membership.js';
import type { Body } from './message.js';
import type { Peer } from './peer.js';
import { packError, unpackError, type RemoteError } from './remote-error.js';
import { Round, self, type Answerer } from './round.js';

type Message =
  /** To all. */
  | { readonly t: 'question'; readonly q: number; readonly topic: string; readonly data: unknown }
  /** To who asked: JSON of an outcome, in parts. `k` counts them, `m` is true where more follow. */
  | { readonly t: 'answer'; readonly q: number; readonly k: number; readonly m: boolean; readonly d: string };

type Outcome = { readonly answer: unknown } | { readonly error: RemoteError };

type Answering = (data: never) => unknown;

/** A part stays well below what any engine takes as one message, unless it was told to take less. */
const maxPartLength = 5 * 1024;

/**
 * Asks all nodes, this one too: one message for the question, and one for each answer. The question comes back to who
 * asked, so each instance whose hello the broker took before it is known by then, and the own link is proven.
 */
export class Questions implements MembershipListener {
  readonly #topics = new Map<string, Answering>();
  readonly #rounds = new Map<number, Round<unknown>>();
  /** Answers of which parts are missing. */
  readonly #parts = new Map<Peer, { readonly q: number; text: string; next: number }>();
  #count = 0;
  #closed = false;

  constructor(
    private readonly members: Membership,
    /** How long the others may take. */
    private readonly answerMs: number,
  ) {
    members.listen(this);
  }

  /** Says how questions of a topic are answered, on every node. What it throws reaches who asked. */
  on<Q>(topic: string, answer: (data: Q) => unknown): void {
    this.#topics.set(topic, answer);
  }

  /**
   * The answers of all instances that are alive, in no order; or that one which `isEnough`. Who dies meanwhile is not waited
   * for. Rejects with a `BrokerUnavailableError`, a `NodeTimeoutError`, or what one of them has thrown.
   */
  async ask<A>(topic: string, data: unknown, isEnough: (answer: A) => boolean = never): Promise<A[]> {
    if (this.#closed) throw new HalyardError('APP_STATE', { message: 'the app is closed' });
    if (!this.members.isUp) throw new BrokerUnavailableError('rejected');
    const q = ++this.#count;
    const round = new Round<A>(() => this.members.name, isEnough);
    this.#rounds.set(q, round as Round<unknown>);
    const timer = setTimeout(() => round.expire(), this.answerMs);
    try {
      this.#say({ t: 'question', q, topic, data }).catch((error: unknown) => round.fail(error));
      return await round.answers;
    } finally {
      clearTimeout(timer);
      this.#rounds.delete(q);
    }
  }

  close(): void {
    this.#closed = true;
    const closed = new HalyardError('APP_STATE', { message: 'the app is closed' });
    for (const round of this.#rounds.values()) round.fail(closed);
  }

  returned(said: Body): void {
    const message = said as Message;
    if (message.t !== 'question') return;
    const round = this.#rounds.get(message.q);
    if (!round) return;
    round.returned(this.members.peers.values());
    void this.#answer(message.topic, message.data).then((outcome) => settle(round, self, outcome));
  }

  heard(peer: Peer, said: Body): void {
    const message = said as Message;
    if (message.t === 'question') {
      void this.#answer(message.topic, message.data).then((outcome) => this.#tell(peer, message.q, outcome));
    } else if (message.t === 'answer') {
      const { q, k, m, d } = message;
      if (k === 0) this.#parts.set(peer, { q, text: '', next: 0 });
      const parts = this.#parts.get(peer);
      if (parts?.q !== q || parts.next !== k) return;
      parts.text += d;
      parts.next++;
      if (m) return;
      this.#parts.delete(peer);
      const round = this.#rounds.get(q);
      if (round) settle(round, peer, JSON.parse(parts.text) as Outcome);
    }
  }

  dropped(peer: Peer): void {
    this.#parts.delete(peer);
    for (const round of this.#rounds.values()) round.forget(peer);
  }

  linked(isUp: boolean): void {
    if (isUp) return;
    for (const round of this.#rounds.values()) round.fail(new BrokerUnavailableError('unknown'));
  }

  async #say(question: Message): Promise<void> {
    // Who has just started knows nobody yet.
    await this.members.start();
    await this.members.publish(question);
  }

  async #answer(topic: string, data: unknown): Promise<Outcome> {
    try {
      const answering = this.#topics.get(topic);
      if (!answering) throw new Error(`nothing answers ${topic}: is it of another version?`);
      return { answer: await answering(data as never) };
    } catch (error) {
      return { error: packError(error) };
    }
  }

  #tell(peer: Peer, q: number, outcome: Outcome): void {
    const text = JSON.stringify(outcome);
    for (let at = 0, k = 0; at < text.length; at += maxPartLength, k++) {
      const d = text.slice(at, at + maxPartLength);
      this.members.tell<Message>(peer, { t: 'answer', q, k, m: at + maxPartLength < text.length, d });
    }
  }
}

function settle(round: Round<unknown>, answerer: Answerer, outcome: Outcome): void {
  if ('error' in outcome) round.fail(unpackError(outcome.error));
  else round.take(answerer, outcome.answer);
}

function never(): boolean {
  return false;
}
