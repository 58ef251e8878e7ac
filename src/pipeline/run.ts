/**
 * The one engine behind every stage, and the steps that it walks. While steps are synchronous no promise is made; the
 * first one that returns a promise is awaited and the walk goes on behind it.
 */
import { HalyardError, HttpError } from '../errors.js';
import { Answer, DROP, Refusal, type Guard, type Interceptor, type Middleware } from './components.js';
import { isThenable } from './maybe-promise.js';
import type { Context, HttpContext, MessageContext } from './context.js';
import { conclude, fail, failLate, giveUp } from './outcome.js';
import type { Plan, PostChain, Resolve, Responder, Step } from './plan.js';

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
    const stage = c.streaming ? 'stream' : plan.stages[at]!;
    if (c.settled) return failLate(plan, c, error, stage);
    await (c.isAbortedBy(error) ? giveUp(plan, c, stage) : fail(plan, c, error, stage));
    return;
  }
  // Answered in the meantime, by a timeout or a newer message: what comes now is late.
  if (c.settled) {
    if (c.result !== undefined && !c.streaming) plan.observers.dropped(c, 'late');
    return;
  }
  await run(plan, c, typeof next === 'number' ? next : at + 1);
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
  return (c, value) => apply(c, value, c.entered - (c.answeredByPre ? 2 : 1));
}

/** The step that a `pre` becomes. An answer goes straight to the step that responds. */
export function preStep(resolve: Resolve<Interceptor>, index: number, respondAt: number): Step {
  const answered = (c: Context, result: unknown): void | number => {
    if (!(result instanceof Answer)) return undefined;
    // `post` runs for the interceptors around this one, not for the one that answered.
    c.answeredByPre = true;
    c.result = result.value;
    if (result.status !== undefined && c.kind === 'http') c.reply.status(result.status);
    return respondAt;
  };
  return (c) => {
    c.entered = index + 1;
    const result = resolve(c).pre?.(c);
    if (result === undefined) return undefined;
    return isThenable(result) ? result.then((value) => answered(c, value)) : answered(c, result);
  };
}

/** Refuses where the guard does not say true. */
export function guardStep(resolve: Resolve<Guard>): Step {
  return (c) => {
    const allowed = resolve(c).canActivate(c);
    if (allowed === true) return undefined;
    return isThenable(allowed) ? allowed.then(requireAllowed) : requireAllowed(allowed);
  };
}

function requireAllowed(allowed: unknown): void {
  if (!allowed) throw new HalyardError('FORBIDDEN');
}

/** Refuses where the middleware says so. */
export function middlewareStep(resolve: Resolve<Middleware>): Step {
  return (c) => {
    const result = resolve(c).use(c as never);
    return isThenable(result) ? result.then(requireUnrefused) : requireUnrefused(result);
  };
}

function requireUnrefused(result: unknown): void {
  if (result instanceof Refusal) throw new HttpError(result.status, result.message, result.options);
}

/** A value that is evaluated once per connection or HTTP request. */
export interface RequestSlot {
  readonly slot: number;
  readonly evaluate: (c: Context) => unknown;
}

/** Fills the request slots, each once; the first failure ends it. */
export function bindStep(requests: readonly RequestSlot[]): Step {
  return (c) => {
    const values = c.slots as unknown[];
    let pending: Promise<void> | undefined;
    for (const { slot, evaluate } of requests) {
      const assign = (): void | Promise<void> => {
        const value = evaluate(c);
        if (!isThenable(value)) {
          values[slot] = value;
          return undefined;
        }
        return Promise.resolve(value).then((resolved) => {
          values[slot] = resolved;
        });
      };
      pending = pending ? pending.then(assign) : (assign() as Promise<void> | undefined);
    }
    return pending;
  };
}

/** Calls the endpoint. */
export function callStep(call: Getter): Step {
  return (c) => {
    const result = call(c);
    if (!isThenable(result)) {
      c.result = result;
      return undefined;
    }
    return result.then((value) => {
      c.result = value;
    });
  };
}

/** Reads an argument. */
export type Getter = (c: Context) => unknown;

/** One call without an array of arguments for the usual counts of parameters. */
export function compileCall(
  target: Resolve<object>,
  method: (...args: unknown[]) => unknown,
  getters: readonly Getter[],
): Getter {
  const [a, b, d, e] = getters;
  switch (getters.length) {
    case 0:
      return (c) => method.call(target(c));
    case 1:
      return (c) => method.call(target(c), a!(c));
    case 2:
      return (c) => method.call(target(c), a!(c), b!(c));
    case 3:
      return (c) => method.call(target(c), a!(c), b!(c), d!(c));
    case 4:
      return (c) => method.call(target(c), a!(c), b!(c), d!(c), e!(c));
    default:
      return (c) =>
        method.apply(
          target(c),
          getters.map((get) => get(c)),
        );
  }
}

/** Sends the result. */
export function respondStep(responder: Responder<Context>, post: PostChain): Step {
  return (c) => {
    const waiting = responder.respond(c, c.result, post);
    // From here on the answer is out: whatever settles later is late.
    if (waiting === undefined) {
      c.settled = true;
      return undefined;
    }
    return waiting;
  };
}

/**
 * Evaluates an argument that is another for each message, before the endpoint is called.
 *
 * @param of what `evaluate` is given: the context, or the JSON of its body
 */
export function evaluateStep(index: number, of: 'context' | 'json', evaluate: (given: never) => unknown): Step {
  return (c) => {
    let given: unknown = c;
    if (of === 'json') {
      const source = c as MessageContext | HttpContext;
      given = source.enveloped ? source.payload : source.json();
    }
    const value = evaluate(given as never);
    // `isThenable`, written out: this is the way of every message.
    if (typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === 'function') {
      return (value as PromiseLike<unknown>).then((resolved) => {
        (c.values ??= [])[index] = resolved;
      });
    }
    (c.values ??= [])[index] = value;
    return undefined;
  };
}

/** Reads what `evaluateStep` left. */
export function evaluated(index: number): Getter {
  return (c) => c.values![index];
}

/** Reads a slot: a request value or a scoped instance. */
export function fromSlot<T>(slot: number): Resolve<T> {
  return (c) => c.slots[slot] as T;
}

/** A singleton. */
export function constant<T>(instance: T): Resolve<T> {
  return () => instance;
}
