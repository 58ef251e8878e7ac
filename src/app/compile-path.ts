/** From a scanned WebSocket path to what runs: instances, plans, lanes. Nothing of it happens again for a message. */
import type { Endpoint, LaneSpec, LifelongEndpoint, WebSocketPath } from '../connection/path.js';
import { RateLimiter } from '../connection/rate-limiter.js';
import type { ConnectionResponder } from '../connection/responder.js';
import type { Session } from '../connection/session.js';
import { compileAdmission, compilePlan, SlotTable, type Resolver } from '../pipeline/compile.js';
import type { Guard, Interceptor, Middleware, Pipe, Role } from '../pipeline/components.js';
import type { ConnectContext, DisconnectContext, MessageContext, UpgradeContext } from '../pipeline/context.js';
import { Message } from '../pipeline/message.js';
import { Observers } from '../pipeline/observers.js';
import type { CatcherEntry, Plan, Resolve } from '../pipeline/plan.js';
import type { Route } from '../pipeline/route.js';
import { constant } from '../pipeline/run.js';
import { InboxQueue } from '../styles/inbox-queue.js';
import { inboxOf } from './check-endpoint.js';
import { catchersOf, observersOf, openerOf, resolverFor, type CompileOptions } from './compile-context.js';
import type { Components } from './components.js';
import type { EndpointTiming, TimedPath } from './options.js';
import type { ScannedEndpoint, ScannedMethod } from './scan-context.js';
import type { ScannedPath } from './scan-websocket.js';

/** What becomes of a message for an endpoint with an inbox; interceptors are around the endpoint, which runs once. */
const taking: Pick<Parameters<typeof compilePlan>[0], 'interceptors' | 'invocation'> = {
  interceptors: [],
  invocation: {
    parameters: [{ from: 'value', get: (c) => c }],
    pipes: [],
    target: constant({}),
    method: (c) => take(c as MessageContext),
    withoutBody: false,
  },
};

function take(c: MessageContext): void {
  if (!c.connection.reader!.take(new Message(c))) (c.connection.host as Session).dropped('gone', 1, c);
}

/** Compiles one WebSocket path. */
export function compilePath(scanned: ScannedPath, timing: TimedPath, options: CompileOptions): WebSocketPath {
  return new PathCompiler(scanned, timing, options).compile();
}

class PathCompiler {
  readonly #slots = new SlotTable();
  readonly #resolver: Resolver;
  readonly #levels: readonly Components[];
  readonly #observers: Observers;
  readonly #lanes: LaneSpec[] = [{ limit: 1, latest: false }];

  constructor(
    private readonly scanned: ScannedPath,
    private readonly timing: TimedPath,
    private readonly options: CompileOptions,
  ) {
    this.#resolver = resolverFor(options, this.#slots);
    this.#levels = [options.components, scanned.components];
    const observers = [...this.#levels, ...this.#lone].flatMap((level) => level.observer);
    this.#observers = observersOf(observers, options);
  }

  compile(): WebSocketPath {
    const { scanned, timing, options } = this;
    const route = this.#route(scanned.endpoints.length === 1 ? scanned.endpoints[0] : undefined, undefined);
    const endpoints = scanned.endpoints.map((endpoint, index) => this.#endpoint(endpoint, timing.endpoints[index]!));
    const admissionLevels = [...this.#levels, ...this.#lone];
    // After everything that may add slots: what is scoped is opened with the connection.
    const admission = compileAdmission<UpgradeContext>({
      middleware: this.#resolve<Middleware>('middleware', admissionLevels),
      guards: this.#resolve<Guard>('guard', admissionLevels),
      catchers: this.#catchers(admissionLevels),
      responder: options.responders.upgrade,
      observers: this.#observers,
      slots: this.#slots,
    });
    const events = endpoints.filter(({ route: { event } }) => event !== undefined);
    const sendOnly = timing.options.mode === 'sendOnly';
    const triggered = scanned.endpoints.filter(
      ({ options: { triggerOnConnect, events } }) => sendOnly || triggerOnConnect === true || events === true,
    );
    const connect = [
      ...scanned.hooks.connect.map((hook) => this.#connectPlan(hook, [])),
      ...triggered.map((endpoint) => this.#connectPlan(endpoint, this.#messageGuards(endpoint.components))),
    ];
    const evented = scanned.endpoints.filter(({ options }) => options.events);
    const disconnect = [...scanned.hooks.disconnect, ...evented].map((method) => this.#hookPlan(method));
    const error = scanned.hooks.error.map((hook) => this.#hookPlan(hook));
    return Object.freeze({
      route,
      options: timing.options,
      admission,
      openScope: openerOf(this.#slots, options.container),
      events: events.length === 0 ? undefined : new Map(events.map((endpoint) => [endpoint.route.event!, endpoint])),
      fallback: sendOnly ? undefined : endpoints.find((endpoint) => endpoint.route.event === undefined),
      rejection: this.#rejection(route),
      lanes: this.#lanes,
      connect,
      connectTimeoutMs: timing.connectTimeoutMs,
      lifelong: this.#lifelong(),
      disconnect,
      error,
      observers: this.#observers,
    });
  }

  /** The components of an endpoint that is alone belong to the path as well. */
  get #lone(): Components[] {
    return this.scanned.endpoints.length === 1 ? [this.scanned.endpoints[0]!.components] : [];
  }

  #endpoint(scanned: ScannedEndpoint, timing: EndpointTiming): Endpoint {
    const lifelong = inboxOf(scanned) !== -1;
    const plan = compilePlan<MessageContext>({
      stage: 'endpoint',
      ...this.#parts(scanned, this.#messageGuards(scanned.components)),
      responder: this.#connectionResponder,
      ...(lifelong ? taking : { invocation: { ...this.#invocation(scanned), withoutBody: false } }),
    });
    return {
      route: this.#route(scanned, scanned.options.event),
      plan,
      lane: timing.lane === undefined ? 0 : this.#lanes.push(timing.lane) - 1,
      timeoutMs: lifelong ? this.timing.connectTimeoutMs : timing.timeoutMs,
      rateLimiter: timing.rateLimit && new RateLimiter(timing.rateLimit),
      messages: 0,
    };
  }

  /** The endpoint itself, where it has an inbox: messages go there instead of calling it. */
  #lifelong(): LifelongEndpoint | undefined {
    const endpoint = this.scanned.endpoints.find((scanned) => inboxOf(scanned) !== -1);
    if (!endpoint) return undefined;
    return {
      plan: this.#connectPlan(endpoint, []),
      timeoutMs: this.timing.endpoints[0]!.timeoutMs,
      openReader: (id, host, { maxQueue, slowConsumer }, maxEventBytes) =>
        new InboxQueue(id, { maxMessages: maxQueue, maxEventBytes, policy: slowConsumer }, host),
    };
  }

  /** Guards that run for every message: `each(…)` of all levels, and a method's own where it shares its path. */
  #messageGuards(own: Components): Resolve<Guard>[] {
    const shared = this.scanned.endpoints.length > 1;
    return [...this.#resolve<Guard>('each', this.#levels), ...this.#resolve<Guard>(shared ? 'guard' : 'each', [own])];
  }

  #connectPlan(scanned: ScannedMethod, guards: Resolve<Guard>[]): Plan<ConnectContext> {
    const isHook = !this.scanned.endpoints.some((endpoint) => endpoint === scanned);
    return compilePlan<ConnectContext>({
      stage: isHook ? 'connect' : 'endpoint',
      ...this.#parts(scanned, isHook ? this.#resolve('guard', [scanned.components]) : guards),
      responder: this.#connectionResponder,
      invocation: { ...this.#invocation(scanned), withoutBody: true },
    });
  }

  #hookPlan(scanned: ScannedMethod): Plan<DisconnectContext> {
    return compilePlan<DisconnectContext>({
      stage: 'disconnect',
      ...this.#parts(scanned, []),
      interceptors: [],
      responder: this.options.responders.hook,
      invocation: { ...this.#invocation(scanned), withoutBody: true },
    });
  }

  /** Answers what never reaches an endpoint, through the catchers of the controller. */
  #rejection(route: Route): Endpoint {
    const plan: Plan<MessageContext> = {
      steps: [
        (c): never => {
          throw c.rejection;
        },
      ],
      stages: ['decode'],
      interceptors: [],
      catchers: this.#catchers([...this.#levels, ...this.#lone]),
      responder: this.#connectionResponder,
      observers: this.#observers,
      watched: false,
    };
    return { route, plan, lane: 0, timeoutMs: this.timing.connectTimeoutMs, rateLimiter: undefined, messages: 0 };
  }

  #parts(
    scanned: ScannedMethod,
    guards: readonly Resolve<Guard>[],
  ): Pick<
    Parameters<typeof compilePlan>[0],
    'guards' | 'interceptors' | 'catchers' | 'observers' | 'slots' | 'resolver'
  > {
    const levels = [...this.#levels, scanned.components];
    return {
      guards,
      interceptors: this.#resolve<Interceptor>('interceptor', levels),
      catchers: this.#catchers(levels),
      observers: this.#observers,
      slots: this.#slots,
      resolver: this.#resolver,
    };
  }

  #invocation(scanned: ScannedMethod): Omit<Parameters<typeof compilePlan>[0]['invocation'], 'withoutBody'> {
    return {
      parameters: scanned.parameters,
      pipes: this.#resolve<Pipe>('pipe', [...this.#levels, scanned.components]),
      target: this.#resolver.resolve<object>(scanned.controller),
      method: scanned.method,
    };
  }

  get #connectionResponder(): ConnectionResponder {
    return this.options.responders.connection(this.timing.options.mode === 'receiveOnly');
  }

  #resolve<T>(role: Role | 'each', levels: readonly Components[]): Resolve<T>[] {
    return levels.flatMap((level) => level[role]).map((component) => this.#resolver.resolve<T>(component));
  }

  #catchers(levels: readonly Components[]): CatcherEntry[] {
    return catchersOf(levels, this.#resolver);
  }

  #route(endpoint: ScannedMethod | undefined, event: string | undefined): Route {
    const { controller, path, metadata } = this.scanned;
    return Object.freeze({
      kind: 'websocket',
      path,
      ...(event === undefined ? {} : { event }),
      controller,
      handler: endpoint?.handler ?? controller.name,
      metadata: endpoint?.metadata ?? metadata,
    });
  }
}
