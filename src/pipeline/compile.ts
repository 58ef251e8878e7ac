/** From what the scanner found to plans: every decision that does not depend on a message is taken here, once. */
import type { BodySource } from './body.js';
import type { Guard, Interceptor, Middleware, ParameterInfo, Pipe, Stage } from './components.js';
import type { Context } from './context.js';
import { isThenable } from './maybe-promise.js';
import type { Observers } from './observers.js';
import type { ParameterSpec } from './parameters.js';
import { paramInvalid } from './request-values.js';
import type { CatcherEntry, Plan, PostChain, Resolve, Responder, Step } from './plan.js';
import {
  bindStep,
  callStep,
  compileCall,
  compilePost,
  evaluated,
  evaluateStep,
  fromSlot,
  guardStep,
  middlewareStep,
  preStep,
  respondStep,
  type Getter,
  type RequestSlot,
} from './run.js';

/** Makes components and instances out of what was written in `use`, in providers, and in parameters. */
export interface Resolver {
  /** A token of the container, or an instance as it is. */
  resolve<T>(component: unknown): Resolve<T>;
}

/**
 * What is evaluated once per connection or HTTP request. A slot is an index into `context.slots`; the container's scoped
 * instances are filled before the guards run, request values behind them.
 */
export class SlotTable {
  readonly scoped: { readonly slot: number; readonly token: unknown }[] = [];
  readonly request: RequestSlot[] = [];
  #size = 0;

  addScoped(token: unknown): number {
    const known = this.scoped.find((entry) => entry.token === token);
    if (known) return known.slot;
    this.scoped.push({ slot: this.#size, token });
    return this.#size++;
  }

  addRequest(evaluate: Getter): number {
    this.request.push({ slot: this.#size, evaluate });
    return this.#size++;
  }
}

/** What a method is called with: steps that evaluate what needs evaluating, and getters for all parameters. */
interface Arguments {
  readonly steps: readonly Step[];
  readonly getters: readonly Getter[];
}

export interface Invocation {
  readonly parameters: readonly ParameterSpec[];
  /** Pipes of app, controller and method, in this order. */
  readonly pipes: readonly Resolve<Pipe>[];
  readonly target: Resolve<object>;
  readonly method: (...args: unknown[]) => unknown;
  /** There is no message: the body is `null`, unchecked. */
  readonly withoutBody: boolean;
}

export interface PlanParts<C extends Context> {
  readonly guards: readonly Resolve<Guard>[];
  readonly interceptors: readonly Resolve<Interceptor>[];
  readonly catchers: readonly CatcherEntry[];
  readonly invocation: Invocation;
  readonly responder: Responder<C>;
  readonly observers: Observers;
  readonly slots: SlotTable;
  readonly resolver: Resolver;
  /** What the call itself is: an endpoint's, or a hook's. */
  readonly stage: 'endpoint' | 'connect' | 'disconnect';
}

/** The plan of a message, a connect, a hook or the handler of an HTTP request. */
export function compilePlan<C extends Context>(parts: PlanParts<C>): Plan<C> {
  const { guards, interceptors, invocation, responder } = parts;
  const post = compilePost(interceptors);
  const args = compileArguments(invocation, parts.slots, parts.resolver, post);
  const respondAt = guards.length + interceptors.length + args.steps.length + 1;
  const steps: Step[] = [
    ...guards.map(guardStep),
    ...interceptors.map((interceptor, index) => preStep(interceptor, index, respondAt)),
    ...args.steps,
    callStep(compileCall(invocation.target, invocation.method, args.getters)),
    respondStep(responder, post),
  ];
  const stages: Stage[] = [
    ...guards.map(() => 'guard' as const),
    ...interceptors.map(() => 'pre' as const),
    ...args.steps.map(() => 'body' as const),
    parts.stage,
    'send',
  ];
  return finishPlan(parts, steps, stages, parts.interceptors.length > 0 || parts.observers.watchHandled);
}

/** The plan of everything before the 101, or before an HTTP body is read. Nothing is sent where it succeeds. */
export function compileAdmission<C extends Context>(parts: {
  middleware: readonly Resolve<Middleware>[];
  guards: readonly Resolve<Guard>[];
  catchers: readonly CatcherEntry[];
  responder: Responder<C>;
  observers: Observers;
  slots: SlotTable;
}): Plan<C> {
  const bind = bindStep(parts.slots.request);
  const steps: Step[] = [...parts.middleware.map(middlewareStep), ...parts.guards.map(guardStep), bind];
  const stages: Stage[] = [
    ...parts.middleware.map(() => 'middleware' as const),
    ...parts.guards.map(() => 'guard' as const),
    'bind',
  ];
  // Nothing has been handled yet when somebody was let in.
  return finishPlan({ ...parts, interceptors: [] }, steps, stages, false);
}

function finishPlan<C extends Context>(
  parts: Pick<PlanParts<C>, 'interceptors' | 'catchers' | 'responder' | 'observers'>,
  steps: readonly Step[],
  stages: readonly Stage[],
  watched: boolean,
): Plan<C> {
  return Object.freeze({
    steps,
    stages,
    interceptors: parts.interceptors,
    catchers: parts.catchers,
    responder: parts.responder,
    observers: parts.observers,
    watched,
  });
}

function compileArguments(invocation: Invocation, slots: SlotTable, resolver: Resolver, post: PostChain): Arguments {
  const steps: Step[] = [];
  const getters = invocation.parameters.map((spec, index): ((c: Context) => unknown) => {
    switch (spec.from) {
      case 'value': {
        const { get } = spec;
        return (c) => get(c, post);
      }
      case 'provider':
        return resolver.resolve(spec.token);
      case 'request': {
        const evaluate = requestEvaluator(spec, invocation.pipes, resolver);
        const slot = slots.addRequest(evaluate);
        return fromSlot(slot);
      }
      case 'custom': {
        const transform = compilePipes([...invocation.pipes, ...resolvePipes(spec.pipes, resolver)], spec.info);
        steps.push(evaluateStep(index, 'context', (c: Context) => chain(spec.get(c), (value) => transform(value, c))));
        return evaluated(index);
      }
      case 'body': {
        if (invocation.withoutBody) return () => null;
        const pipes = [...invocation.pipes, ...resolvePipes(spec.pipes, resolver)];
        const transform = compilePipes(pipes, spec.info);
        const { reader } = spec;
        if (pipes.length === 0) steps.push(evaluateStep(index, reader.of, reader.read));
        else {
          const read = reader.of === 'json' ? (c: BodySource) => reader.read(c.json()) : reader.read;
          const evaluate = (c: Context & BodySource): unknown => chain(read(c), (value) => transform(value, c));
          steps.push(evaluateStep(index, 'context', evaluate));
        }
        return evaluated(index);
      }
    }
  });
  return { steps, getters };
}

/** Pipes have the first word on what the client sent; the declared type converts what they leave as text. */
function requestEvaluator(
  spec: Extract<ParameterSpec, { from: 'request' }>,
  outer: readonly Resolve<Pipe>[],
  resolver: Resolver,
): (c: Context) => unknown {
  const inherited = compilePipes(outer, spec.info);
  const own = compilePipes(resolvePipes(spec.pipes, resolver), spec.info);
  const finish = (value: unknown): unknown => {
    if (value !== undefined) return spec.read(value);
    if (spec.optional) return undefined;
    throw paramInvalid(spec.info, 'is missing');
  };
  return (c) => {
    const value = spec.pick(c.request);
    if (value === undefined) return spec.optional ? undefined : chain(own(value, c), finish);
    return chain(
      chain(inherited(value, c), (next) => own(next, c)),
      finish,
    );
  };
}

function resolvePipes(pipes: readonly unknown[], resolver: Resolver): Resolve<Pipe>[] {
  return pipes.map((pipe) => resolver.resolve<Pipe>(pipe));
}

function compilePipes(pipes: readonly Resolve<Pipe>[], info: ParameterInfo): (value: unknown, c: Context) => unknown {
  return (value, c) => {
    let current = value;
    for (const pipe of pipes) current = chain(current, (input) => pipe(c).transform(input, info, c));
    return current;
  };
}

/** Calls at once where the value is there, else when it is. */
function chain(value: unknown, next: (value: unknown) => unknown): unknown {
  return isThenable(value) ? value.then(next) : next(value);
}
