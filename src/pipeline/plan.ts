/**
 * The one engine behind every stage: a plan is a list of steps, compiled at boot, and `run` walks it. While steps are
 * synchronous no promise is made; the first one that returns a promise is awaited and the walk goes on behind it.
 */
import { HttpError } from '../errors.js';
import {
  Answer,
  CloseWith,
  DROP,
  isThenable,
  Refusal,
  type Catcher,
  type Interceptor,
  type Outcome,
  type Stage,
} from './components.js';
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

/**
 * Runs a plan. It never throws and never rejects: errors go to the catchers, then to the responder. `undefined` means
 * that all is done; a promise resolves when it is.
 */
export function run<C extends Context>(plan: Plan<C>, c: C, from = 0): void | Promise<void> {
  const { steps } = plan;
  if (plan.watched && from === 0) c.startedAt = performance.now();
  let at = from;
  try {
    while (at < steps.length) {
      const result = steps[at]!(c);
      if (result === undefined) at++;
      else if (typeof result === 'number') at = result;
      else return resume(plan, c, at, result);
    }
  } catch (error) {
    return fail(plan, c, error, plan.stages[at]!);
  }
  if (plan.watched) conclude(plan, c, 'ok', undefined);
  return undefined;
}

async function resume<C extends Context>(
  plan: Plan<C>,
  c: C,
  at: number,
  pending: PromiseLike<void | number>,
): Promise<void> {
  let next: void | number;
  try {
    next = await pending;
  } catch (error) {
    if (c.settled) return;
    await fail(plan, c, error, c.streaming ? 'stream' : plan.stages[at]!);
    return;
  }
  // Answered in the meantime, by a timeout or a newer message: what comes now is late.
  if (c.settled) {
    if (c.result !== undefined) plan.observers.dropped(c, 'late');
    return;
  }
  await run(plan, c, typeof next === 'number' ? next : at + 1);
}

/** Gives an error to the catchers and, where none answers, to the responder. */
export function fail<C extends Context>(
  plan: Plan<C>,
  c: C,
  error: unknown,
  stage: Stage,
  status: 'error' | 'timeout' | 'superseded' = 'error',
): void | Promise<void> {
  c.settled = true;
  plan.observers.failed(error, c, stage);
  if (plan.watched) conclude(plan, c, status, error);
  if (plan.catchers.length > 0) return consult(plan, c, error);
  try {
    const pending = plan.responder.fail(c, error);
    return pending && settled(plan, c, pending);
  } catch (failure) {
    plan.observers.failed(failure, c, 'send');
  }
  return undefined;
}

async function consult<C extends Context>(plan: Plan<C>, c: C, error: unknown): Promise<void> {
  let current = error;
  try {
    for (const { resolve, types } of plan.catchers) {
      if (types.length > 0 && !types.some((type) => current instanceof type)) continue;
      let verdict: Answer | CloseWith | undefined | void;
      try {
        verdict = await resolve(c).catch(current, c);
      } catch (thrown) {
        if (thrown !== current) plan.observers.failed(thrown, c, 'catcher');
        current = thrown;
        continue;
      }
      if (verdict instanceof Answer) return await plan.responder.answer(c, verdict, current);
      if (verdict instanceof CloseWith) return await plan.responder.close(c, verdict, current);
    }
    await plan.responder.fail(c, current);
  } catch (failure) {
    // A catcher's answer that cannot be sent is a failure of its own, and still an answer is owed.
    plan.observers.failed(failure, c, 'catcher');
    await settled(
      plan,
      c,
      Promise.resolve(failure).then((error) => plan.responder.fail(c, error)),
    );
  }
}

async function settled<C extends Context>(plan: Plan<C>, c: C, pending: PromiseLike<void>): Promise<void> {
  try {
    await pending;
  } catch (failure) {
    plan.observers.failed(failure, c, 'send');
  }
}

/** Tells interceptors and observers how it ended. */
export function conclude<C extends Context>(plan: Plan<C>, c: C, status: Outcome['status'], error: unknown): void {
  const durationMs = performance.now() - c.startedAt;
  const outcome: Outcome = error === undefined ? { status, durationMs } : { status, error, durationMs };
  for (let i = c.entered - 1; i >= 0; i--) {
    try {
      plan.interceptors[i]!(c).done?.(c, outcome);
    } catch (failure) {
      plan.observers.failed(failure, c, 'post');
    }
  }
  plan.observers.handled(c, outcome);
}

/** The `post` of a plan's interceptors as one function; a promise as soon as one of them returns a promise. */
export function compilePost(interceptors: readonly Resolve<Interceptor>[]): PostChain {
  const apply = (c: Context, value: unknown, from: number): unknown => {
    let current = value;
    for (let i = from; i >= 0; i--) {
      const interceptor = interceptors[i]!(c);
      if (!interceptor.post) continue;
      const next = interceptor.post(c, current);
      if (isThenable(next)) {
        const before = current;
        return next.then((resolved) => (resolved === DROP ? DROP : apply(c, resolved ?? before, i - 1)));
      }
      if (next === DROP) return DROP;
      if (next !== undefined) current = next;
    }
    return current;
  };
  return (c, value) => apply(c, value, c.entered - 1);
}

/** The step that a `pre` becomes. An answer goes straight to the step that responds. */
export function preStep(resolve: Resolve<Interceptor>, index: number, respondAt: number): Step {
  const answered = (c: Context, result: unknown): void | number => {
    c.entered = index + 1;
    if (!(result instanceof Answer)) return undefined;
    // `post` runs for the interceptors around this one, not for the one that answered.
    c.entered = index;
    c.result = result.value;
    return respondAt;
  };
  return (c) => {
    const interceptor = resolve(c);
    if (!interceptor.pre) {
      c.entered = index + 1;
      return undefined;
    }
    const result = interceptor.pre(c);
    if (result === undefined) {
      c.entered = index + 1;
      return undefined;
    }
    return isThenable(result) ? result.then((value) => answered(c, value)) : answered(c, result);
  };
}

/** A middleware's refusal as the error that it is. */
export function refusalError(refusal: Refusal): HttpError {
  return new HttpError(refusal.status, refusal.message, refusal.options);
}
