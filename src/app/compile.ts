/** From what was scanned to what runs: instances, plans and paths. Nothing of it happens again for a message. */
import { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { CleanUp } from '../connection/clean-up.js';
import { Connection } from '../connection/connection.js';
import type { LaneSpec, Endpoint, WebSocketPath } from '../connection/path.js';
import { RateLimiter } from '../connection/rate-limiter.js';
import type { ConnectionResponder } from '../connection/responder.js';
import type { HalyardContainer } from '../di/container.js';
import type { Token } from '../di/provider.js';
import type { HttpEndpoint } from '../http/endpoint.js';
import { readRecord, type Class } from '../metadata/metadata.js';
import { compileAdmission, compilePlan, SlotTable, type Resolver } from '../pipeline/compile.js';
import type {
  Catcher,
  ComponentLike,
  Guard,
  Interceptor,
  Middleware,
  Observer,
  Pipe,
  Role,
} from '../pipeline/components.js';
import {
  Context,
  type ConnectContext,
  type DisconnectContext,
  type HttpContext,
  type MessageContext,
  type UpgradeContext,
} from '../pipeline/context.js';
import { Observers } from '../pipeline/observers.js';
import type { CatcherEntry, Plan, Resolve, Responder } from '../pipeline/plan.js';
import { Request } from '../pipeline/request.js';
import { constant, fromSlot } from '../pipeline/run.js';
import type { Route } from '../pipeline/route.js';
import type { OpenScope } from '../pipeline/scope.js';
import type { Components } from './components.js';
import type { EndpointTiming, TimedPath } from './options.js';
import type { ScannedHttp, ScannedMethod, ScannedPath } from './scan.js';

export interface CompileOptions {
  /** Of the app. */
  readonly components: Components;
  readonly container: HalyardContainer;
  /** Instances that had to be waited for, by token. */
  readonly instances: ReadonlyMap<unknown, unknown>;
  readonly logger: Logger;
  /** Counts what is dropped, by reason. */
  readonly drops: Record<string, number>;
  readonly responders: {
    /** Of messages and connects, by whether results are dropped. */
    connection(receiveOnly: boolean): ConnectionResponder;
    readonly upgrade: Responder<UpgradeContext>;
    readonly http: Responder<HttpContext>;
    readonly hook: Responder<DisconnectContext>;
  };
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
      guards: [
        ...this.#resolve<Guard>('guard', admissionLevels),
        ...this.#resolve<Guard>('each', scanned.endpoints.length === 1 ? admissionLevels : this.#levels),
      ],
      catchers: this.#catchers(admissionLevels),
      responder: options.responders.upgrade,
      observers: this.#observers,
      slots: this.#slots,
    });
    const events = endpoints.filter(({ route: { event } }) => event !== undefined);
    const sendOnly = timing.options.mode === 'sendOnly';
    const triggered = scanned.endpoints.filter((endpoint) => sendOnly || endpoint.options.triggerOnConnect);
    const connect = [
      ...scanned.hooks.connect.map((hook) => this.#connectPlan(hook, [])),
      ...triggered.map((endpoint) => this.#connectPlan(endpoint, this.#messageGuards(endpoint.components))),
    ];
    const disconnect = scanned.hooks.disconnect.map((hook) => this.#hookPlan(hook));
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
      disconnect,
      error,
      observers: this.#observers,
    });
  }

  /** The components of an endpoint that is alone belong to the path as well. */
  get #lone(): Components[] {
    return this.scanned.endpoints.length === 1 ? [this.scanned.endpoints[0]!.components] : [];
  }

  #endpoint(scanned: ScannedPath['endpoints'][number], timing: EndpointTiming): Endpoint {
    const plan = compilePlan<MessageContext>({
      ...this.#parts(scanned, this.#messageGuards(scanned.components)),
      responder: this.#connectionResponder,
      invocation: { ...this.#invocation(scanned), withoutBody: false },
    });
    return {
      route: this.#route(scanned, scanned.options.event),
      plan,
      lane: timing.lane === undefined ? 0 : this.#lanes.push(timing.lane) - 1,
      timeoutMs: timing.timeoutMs,
      rateLimiter: timing.rateLimit && new RateLimiter(timing.rateLimit),
      messages: 0,
    };
  }

  /** Guards that run for every message: `each(…)` of all levels, and a method's own where it shares its path. */
  #messageGuards(own: Components): Resolve<Guard>[] {
    const levels = [...this.#levels, own];
    return [
      ...this.#resolve<Guard>('each', levels),
      ...(this.scanned.endpoints.length > 1 ? this.#resolve<Guard>('guard', [own]) : []),
    ];
  }

  #connectPlan(scanned: ScannedMethod, guards: Resolve<Guard>[]): Plan<ConnectContext> {
    const isHook = !this.scanned.endpoints.some((endpoint) => endpoint === scanned);
    return compilePlan<ConnectContext>({
      ...this.#parts(scanned, isHook ? this.#resolve('guard', [scanned.components]) : guards),
      responder: this.#connectionResponder,
      invocation: { ...this.#invocation(scanned), withoutBody: true },
    });
  }

  #hookPlan(scanned: ScannedMethod): Plan<DisconnectContext> {
    return compilePlan<DisconnectContext>({
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

/** Compiles one HTTP endpoint. */
export function compileHttp(scanned: ScannedHttp, options: CompileOptions): HttpEndpoint {
  const slots = new SlotTable();
  const resolver = resolverFor(options, slots);
  const levels = [options.components, scanned.controllerComponents, scanned.components];
  const resolve = <T>(role: Role | 'each'): Resolve<T>[] =>
    levels.flatMap((level) => level[role]).map((component) => resolver.resolve<T>(component));
  const observers = observersOf(
    levels.flatMap((level) => level.observer),
    options,
  );
  const shared = { catchers: catchersOf(levels, resolver), responder: options.responders.http, observers, slots };
  const plan = compilePlan<HttpContext>({
    ...shared,
    guards: [],
    interceptors: resolve<Interceptor>('interceptor'),
    resolver,
    invocation: {
      parameters: scanned.parameters,
      pipes: resolve<Pipe>('pipe'),
      target: resolver.resolve<object>(scanned.controller),
      method: scanned.method,
      withoutBody: false,
    },
  });
  const admission = compileAdmission<HttpContext>({
    ...shared,
    middleware: resolve<Middleware>('middleware'),
    guards: [...resolve<Guard>('guard'), ...resolve<Guard>('each')],
  });
  const { httpStatus, httpHeaders, redirect } = scanned.record;
  return {
    route: Object.freeze({
      kind: 'http',
      path: scanned.path,
      method: scanned.httpMethod,
      controller: scanned.controller,
      handler: scanned.handler,
      metadata: scanned.metadata,
    }),
    method: scanned.httpMethod,
    sse: scanned.sse,
    admission,
    plan,
    observers,
    openScope: openerOf(slots, options.container),
    status: httpStatus,
    headers: httpHeaders,
    redirect,
  };
}

/** Singletons are looked up now; what is scoped, in the slots of the connection or request. */
function resolverFor({ container, instances }: CompileOptions, slots: SlotTable): Resolver {
  return {
    resolve<T>(component: unknown): Resolve<T> {
      if (typeof component === 'object') return constant(component as T);
      const token = component as Token;
      if (container.isScoped(token)) {
        return fromSlot(slots.addScoped(token));
      }
      return constant(instances.get(token) as T);
    },
  };
}

function observersOf(observers: readonly ComponentLike[], { instances, logger, drops }: CompileOptions): Observers {
  const list = observers.map((observer) => (typeof observer === 'function' ? instances.get(observer) : observer));
  return new Observers(list as Observer[], logger, drops);
}

/** The innermost first: method, controller, app; of one level the last one written. */
function catchersOf(levels: readonly Components[], resolver: Resolver): CatcherEntry[] {
  return levels
    .flatMap((level) => level.catcher)
    .map((component) => ({
      resolve: resolver.resolve<Catcher>(component),
      types: readRecord((typeof component === 'function' ? component : component.constructor) as Class).catches ?? [],
    }))
    .reverse();
}

/** Opens the scope of a connection or request; `undefined` where nothing is scoped. */
function openerOf(slots: SlotTable, container: HalyardContainer): OpenScope | undefined {
  if (slots.scoped.length === 0) return undefined;
  return (c, connection, cleanUp) => {
    const scope = container.createScope(
      new Map<Token, unknown>([
        [Context, c],
        [Request, c.request],
        [IncomingMessage, c.request.raw],
        [CleanUp, cleanUp],
        ...(connection ? [[Connection as Token, connection] as const] : []),
      ]),
    );
    return {
      fill: async () => {
        const values = c.slots as unknown[];
        for (const { slot, token } of slots.scoped) values[slot] = await scope.get(token as Token);
      },
      dispose: () => scope.dispose(),
    };
  };
}
