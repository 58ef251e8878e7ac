/** What a stage of the lifecycle compiles to: a plan is a list of steps that `run` walks. */
import type { Answer, Catcher, CloseWith, Interceptor, Stage } from './components.js';
import type { Context } from './context.js';
import type { Observers } from './observers.js';

/** Returns nothing to go on, or the number of the step to go on with; a promise of either is awaited. */
export type Step<C extends Context = Context> = (c: C) => void | number | PromiseLike<void | number>;

/** What a component resolves to in a context: itself, or for scoped ones the connection's instance. */
export type Resolve<T> = (c: Context) => T;

/** Sends what a plan comes to. One for messages, one for HTTP, one for upgrades. */
export interface Responder<C extends Context> {
  /** The endpoint's result, or an answer in its place. A promise: the reader is slow, the lane waits. */
  respond(c: C, value: unknown, post: PostChain): void | PromiseLike<void>;
  /** An error that no catcher answered. */
  fail(c: C, error: unknown): void | PromiseLike<void>;
  /** A catcher's answer. */
  answer(c: C, answer: Answer, error: unknown): void | PromiseLike<void>;
  close(c: C, close: CloseWith, error: unknown): void | PromiseLike<void>;
}

/** Applies the `post` of the interceptors that were entered, the innermost first. */
export type PostChain = (c: Context, value: unknown) => unknown;

export interface CatcherEntry {
  readonly resolve: Resolve<Catcher>;
  /** Empty: all errors. */
  readonly types: readonly (abstract new (...args: never[]) => unknown)[];
}

export interface Plan<C extends Context = Context> {
  readonly steps: readonly Step<C>[];
  readonly stages: readonly Stage[];
  readonly interceptors: readonly Resolve<Interceptor>[];
  /** The innermost first. */
  readonly catchers: readonly CatcherEntry[];
  readonly responder: Responder<C>;
  readonly observers: Observers;
  /** Somebody wants to be told how it ended. */
  readonly watched: boolean;
}
