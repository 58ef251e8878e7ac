/** The WebSocket paths of controllers: their endpoints and hooks. */
import type { ConnectionOptions, MessageOptions, Order } from '../connection/options.js';
import type { Class, HookName } from '../metadata/metadata.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import { nameOf } from '../pipeline/parameters.js';
import type { Mode } from '../pipeline/route.js';
import { isReservedEvent } from '../protocol/plain.js';
import type { Components } from './components.js';
import { joinPath, type ScanContext, type ScannedController, type ScannedMethod } from './scan-context.js';

export interface ScannedEndpoint extends ScannedMethod {
  readonly options: MessageOptions & ConnectionOptions;
}

export interface ScannedPath {
  readonly path: string;
  readonly controller: Class;
  readonly endpoints: ScannedEndpoint[];
  readonly hooks: Record<HookName, ScannedMethod[]>;
  /** Of the controller; those of an endpoint that is alone are added by the compiler. */
  readonly components: Components;
  readonly metadata: ReadonlyMap<unknown, unknown>;
  /** The controller's, and over them those of an endpoint that is alone. */
  readonly options: ConnectionOptions;
}

/** The paths of one controller, as they are found. */
interface OwnPaths {
  readonly found: ReadonlyMap<string, ScannedPath>;
  /** `undefined`: another controller has it, which is reported. */
  get(path: string, handler: string): ScannedPath | undefined;
}

export class WebSocketScanner {
  readonly #paths = new Map<string, ScannedPath>();

  constructor(private readonly scan: ScanContext) {}

  /** How many there are so far. */
  get size(): number {
    return this.#paths.size;
  }

  /** All paths, checked as a whole. */
  finish(): ScannedPath[] {
    return [...this.#paths.values()].map((path) => this.#finishPath(path));
  }

  add(controller: ScannedController): void {
    const { record, base } = controller;
    const own = this.#pathsOf(controller);
    for (const [name, method] of record.methods) {
      for (const endpoint of method.endpoints) {
        if (endpoint.kind !== 'websocket') continue;
        const path = joinPath(base, endpoint.path);
        const scanned = this.scan.method(controller, name, method, 'message', path);
        const options = endpoint.options as MessageOptions & ConnectionOptions;
        this.#checkEndpoint(scanned, options);
        const target = own.get(path, scanned.handler);
        const twin = target?.endpoints.find((other) => other.options.event === options.event);
        if (twin) {
          const what =
            options.event === undefined ? 'all other messages' : `the event ${JSON.stringify(options.event)}`;
          this.scan.report(
            'HALYARD_BOOT_DUPLICATE',
            scanned.handler,
            `${twin.handler} takes ${what} of ${path} as well`,
            'give it an `event`, or another path',
          );
        } else {
          target?.endpoints.push({
            ...scanned,
            options,
            ...(options.events ? { method: withoutNull(scanned.method) } : {}),
          });
        }
      }
    }
    this.#addHooks(controller, own);
  }

  /** Paths are made when they are first asked for. */
  #pathsOf({ type, record, components }: ScannedController): OwnPaths {
    const found = new Map<string, ScannedPath>();
    const get = (path: string, handler: string): ScannedPath | undefined => {
      const existing = this.#paths.get(path);
      if (existing && existing.controller !== type) {
        this.scan.report(
          'HALYARD_BOOT_PATH_SHARED',
          handler,
          `${nameOf(existing.controller)} has the WebSocket path ${path} already`,
          'put all endpoints of a path into one controller',
        );
        return undefined;
      }
      const scanned: ScannedPath = existing ?? {
        path,
        controller: type,
        endpoints: [],
        hooks: { connect: [], disconnect: [], error: [] },
        components,
        metadata: record.metadata,
        options: record.controller!.options,
      };
      found.set(path, scanned);
      this.#paths.set(path, scanned);
      return scanned;
    };
    return { found, get };
  }

  #addHooks(controller: ScannedController, own: OwnPaths): void {
    const { type, record, base } = controller;
    const hooks = [...record.methods].flatMap(([name, method]) =>
      method.endpoints.flatMap((endpoint) =>
        endpoint.kind === 'hook' ? [{ ...endpoint, name, method, handler: `${nameOf(type)}.${String(name)}` }] : [],
      ),
    );
    // A path may have nothing but an @OnConnect: a socket that only pushes. One without a path makes one of its own only
    // where the controller has no other.
    const connects = hooks.filter(({ hook }) => hook === 'connect');
    for (const { path, handler } of connects) if (path !== undefined) own.get(joinPath(base, path), handler);
    if (own.found.size === 0 && connects[0]) own.get(base, connects[0].handler);
    for (const { hook, path, name, method, handler } of hooks) {
      const explicit = path === undefined ? undefined : joinPath(base, path);
      const targets =
        explicit === undefined
          ? [...own.found.values()]
          : [own.found.get(explicit)].filter((path) => path !== undefined);
      if (targets.length === 0) {
        this.scan.report(
          'HALYARD_BOOT_HOOK',
          handler,
          'it covers no WebSocket path of this controller',
          'add a @WebSocket endpoint, or an @OnConnect, on its path',
        );
      }
      for (const target of targets) {
        const scanned = this.scan.method(controller, name, method, hook, target.path);
        this.scan.refuseComponents(scanned, ['middleware', 'observer'], 'a hook runs after the upgrade');
        if (hook !== 'connect') {
          this.scan.refuseComponents(scanned, ['guard', 'interceptor'], 'there is nothing left to refuse or to answer');
        }
        target.hooks[hook].push(scanned);
      }
    }
  }

  /** What can be said only when all endpoints of a path are known. */
  #finishPath(scanned: ScannedPath): ScannedPath {
    const { endpoints } = scanned;
    const alone = endpoints.length === 1;
    const options = alone ? { ...scanned.options, ...connectionOptionsOf(endpoints[0]!.options) } : scanned.options;
    const mode = options.mode ?? this.scan.options.defaultMode;
    for (const endpoint of endpoints) {
      if (!alone) this.#checkShared(endpoint);
      this.#checkMode(endpoint, mode, alone);
    }
    for (const method of [...endpoints, ...scanned.hooks.connect]) this.#checkSender(method, mode);
    if (endpoints.length === 0 && mode === 'sendOnly') {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        nameOf(scanned.controller),
        `${scanned.path} is sendOnly and has no endpoint that sends`,
        'leave the mode out, or add one @WebSocket endpoint',
      );
    }
    return { ...scanned, options };
  }

  #checkEndpoint({ handler }: ScannedMethod, options: MessageOptions): void {
    const { event, order } = options;
    if (event !== undefined && (typeof event !== 'string' || isReservedEvent(event))) {
      this.scan.report(
        'HALYARD_BOOT_EVENT',
        handler,
        `the event name ${JSON.stringify(event)} is empty or reserved`,
        "reply, error, end, dropped, gap and presence_… are the protocol's own: choose another",
      );
    }
    if (order !== undefined && !isOrder(order)) {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        `order ${JSON.stringify(order)} is not valid`,
        "'serial', 'latest' or { concurrent: n } with n from 1",
      );
    }
  }

  /** Several endpoints share a connection: what belongs to it must stand on the controller. */
  #checkShared(endpoint: ScannedEndpoint): void {
    const misplaced = Object.keys(connectionOptionsOf(endpoint.options));
    if (misplaced.length > 0) {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        endpoint.handler,
        `${misplaced.join(', ')} belongs to the connection, and other endpoints share its path`,
        'put it into the options of @Controller',
      );
    }
    this.scan.refuseComponents(
      endpoint,
      ['middleware', 'observer'],
      'the path has several endpoints, and the upgrade knows none of them',
    );
  }

  #checkMode({ handler, options, parameters }: ScannedEndpoint, mode: Mode, alone: boolean): void {
    if (options.events && (!alone || options.event !== undefined || mode === 'sendOnly')) {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        'an endpoint of events takes all messages of its path',
        'make it the only endpoint of its path, without `event` and not sendOnly',
      );
    }
    if (mode !== 'sendOnly') return;
    if (!alone || options.event !== undefined) {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        'a sendOnly endpoint takes no messages',
        'make it the only endpoint of its path, without `event`',
      );
    }
    const body = parameters.findIndex((spec) => spec?.from === 'body');
    if (body === -1) return;
    this.scan.report(
      'HALYARD_BOOT_BIND',
      handler,
      'a sendOnly endpoint takes no messages, so there is no body',
      'leave it out, or use mode twoWay',
      body,
    );
  }

  #checkSender({ handler, parameters }: ScannedMethod, mode: Mode): void {
    const sender = parameters.findIndex((spec) => spec?.from === 'value' && spec.type === this.scan.options.sender);
    if (mode !== 'receiveOnly' || sender === -1) return;
    this.scan.report(
      'HALYARD_BOOT_SENDER',
      handler,
      'on a receiveOnly path nothing is sent',
      'leave the Sender out, or use mode twoWay',
      sender,
    );
  }
}

const connectionOptionNames: ReadonlySet<string> = new Set<keyof ConnectionOptions>([
  'mode',
  'ping',
  'maxPayload',
  'maxQueue',
  'slowConsumer',
  'compression',
  'protocols',
  'origins',
  'refuse',
  'closeTimeout',
]);

function connectionOptionsOf(options: ConnectionOptions & MessageOptions): ConnectionOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => connectionOptionNames.has(name) && value !== undefined),
  );
}

/** For endpoints of events, which are to return something even where there is nothing to say. */
function withoutNull(method: ScannedMethod['method']): ScannedMethod['method'] {
  return function (this: unknown, ...args) {
    const result = method.apply(this, args);
    return isThenable(result) ? result.then((value) => value ?? undefined) : (result ?? undefined);
  };
}

function isOrder(order: Order): boolean {
  if (order === 'serial' || order === 'latest') return true;
  return typeof order === 'object' && order !== null && Number.isSafeInteger(order.concurrent) && order.concurrent > 0;
}
