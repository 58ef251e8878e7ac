/** How a plan ends: errors and who answers them, and who is told. */
import { HalyardError, statusOf } from '../errors.js';
import { Answer, CloseWith, type Outcome, type Stage } from './components.js';
import { isThenable } from './maybe-promise.js';
import type { Context } from './context.js';
import type { Plan } from './plan.js';

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
  return plan.catchers.length > 0 ? consult(plan, c, error) : failUncaught(plan, c, error);
}

/** Gives an error to the responder. An error that cannot be sent, for its details say, is still owed an answer. */
export function failUncaught<C extends Context>(plan: Plan<C>, c: C, error: unknown): void | Promise<void> {
  try {
    const pending = plan.responder.fail(c, error);
    return pending && settled(plan, c, pending);
  } catch (failure) {
    plan.observers.failed(failure, c, 'send');
    if (!(error instanceof HalyardError)) return failUncaught(plan, c, new HalyardError('INTERNAL'));
  }
  return undefined;
}

/** An error that comes after the run was answered in another way, by a timeout say. A refusal is no news any more. */
export function failLate<C extends Context>(plan: Plan<C>, c: C, error: unknown, stage: Stage): void {
  if (statusOf(error) >= 500 && !c.isAbortedBy(error)) plan.observers.failed(error, c, stage);
}

/** The endpoint has given up because its signal was aborted: that is no failure of its own. */
export function giveUp<C extends Context>(plan: Plan<C>, c: C, stage: Stage): void | Promise<void> {
  const reason = c.abortReason;
  const superseded = reason instanceof HalyardError && reason.wireCode === 'SUPERSEDED';
  if (superseded && c.kind === 'message' && c.ref !== undefined) return fail(plan, c, reason, stage, 'superseded');
  c.settled = true;
  if (plan.watched) conclude(plan, c, superseded ? 'superseded' : 'gone', undefined);
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
    await failUncaught(plan, c, failure);
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
  // What becomes of an upgrade is told by `closed`: it is refused, or it is a connection.
  if (c.kind === 'upgrade') return;
  const durationMs = performance.now() - c.startedAt;
  const outcome: Outcome = error === undefined ? { status, durationMs } : { status, error, durationMs };
  const failed = (failure: unknown): void => plan.observers.failed(failure, c, 'post');
  for (let i = c.entered - 1; i >= 0; i--) {
    try {
      const done: unknown = plan.interceptors[i]!(c).done?.(c, outcome);
      // Synchronous by contract; one that is not must still not end the process.
      if (isThenable(done)) done.then(undefined, failed);
    } catch (failure) {
      failed(failure);
    }
  }
  plan.observers.handled(c, outcome);
}
