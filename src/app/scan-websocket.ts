/** The WebSocket paths of controllers: their endpoints and hooks. */
import { connectionOptionsOf, type ConnectionOptions, type MessageOptions } from '../connection/options.js';
import type { Class, HookName } from '../metadata/metadata.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import { nameOf } from '../pipeline/parameters.js';
import { checkEndpoint, checkMessageOptions, checkSender } from './check-endpoint.js';
import type { Components } from './components.js';
import {
  joinPath,
  type ScanContext,
  type ScannedController,
  type ScannedEndpoint,
  type ScannedMethod,
} from './scan-context.js';

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
        checkMessageOptions(this.scan, scanned.handler, options);
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
    for (const endpoint of endpoints) checkEndpoint(this.scan, endpoint, mode, alone);
    for (const hook of scanned.hooks.connect) checkSender(this.scan, hook, mode);
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
}

/** For endpoints of events, which are to return something even where there is nothing to say. */
function withoutNull(method: ScannedMethod['method']): ScannedMethod['method'] {
  return function (this: unknown, ...args) {
    const result = method.apply(this, args);
    return isThenable(result) ? result.then((value) => value ?? undefined) : (result ?? undefined);
  };
}
