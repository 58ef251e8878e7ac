/** From decorated classes to a list of paths and endpoints. Every mistake that can be known at boot is reported here. */
import findMyWay from 'find-my-way';
import { textOf, type BootCode, type BootProblem } from '../errors.js';
import type { ConnectionOptions, MessageOptions, Order } from '../connection/options.js';
import {
  parameterTypes,
  readRecord,
  type Class,
  type ClassRecord,
  type HookName,
  type MethodRecord,
} from '../metadata/metadata.js';
import { describeParameters, nameOf, type Builtin, type ParameterSpec, type Place } from '../pipeline/parameters.js';
import type { Role } from '../pipeline/components.js';
import type { Mode } from '../pipeline/route.js';
import { isReservedEvent } from '../protocol/plain.js';
import { nameOfComponent, sortComponents, type Components } from './components.js';

/** A method of a controller that something is to be made of. */
export interface ScannedMethod {
  readonly controller: Class;
  readonly method: (...args: unknown[]) => unknown;
  /** `Class.method` */
  readonly handler: string;
  readonly record: MethodRecord;
  readonly parameters: readonly ParameterSpec[];
  /** Of the method alone. */
  readonly components: Components;
  readonly metadata: ReadonlyMap<unknown, unknown>;
}

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

export interface ScannedHttp extends ScannedMethod {
  readonly path: string;
  readonly method: (...args: unknown[]) => unknown;
  readonly httpMethod: string;
  readonly sse: boolean;
  readonly controllerComponents: Components;
}

export interface Scanned {
  readonly paths: readonly ScannedPath[];
  readonly http: readonly ScannedHttp[];
}

export interface ScanOptions {
  readonly prefix: string;
  readonly defaultMode: Mode;
  readonly builtins: ReadonlyMap<unknown, Builtin>;
  /** The type of a `Sender` parameter. */
  readonly sender: unknown;
  isProvided(token: unknown): boolean;
  readonly problems: BootProblem[];
}

export function scan(controllers: readonly Class[], options: ScanOptions): Scanned {
  const scanner = new Scanner(options);
  for (const controller of new Set(controllers)) scanner.add(controller);
  return scanner.finish();
}

class Scanner {
  readonly #paths = new Map<string, ScannedPath>();
  readonly #http = new Map<string, ScannedHttp>();
  /** By HTTP method: only to learn at boot what Fastify would refuse. */
  readonly #routers = new Map<string, findMyWay.Instance<findMyWay.HTTPVersion.V1>>();

  constructor(private readonly options: ScanOptions) {}

  add(controller: Class): void {
    if (typeof controller !== 'function') {
      return this.#report(
        'HALYARD_BOOT_CONTROLLER',
        'controllers',
        `${nameOf(controller)} is no class`,
        controller === undefined
          ? 'a circular import may have left it undefined: move what both files need into a third'
          : 'give classes, or globs of the files that export them',
      );
    }
    const record = readRecord(controller);
    const name = nameOf(controller);
    if (record.standardDecorators) {
      return this.#report(
        'HALYARD_BOOT_STANDARD_DECORATORS',
        name,
        'the build emits standard (stage-3) decorators, which know nothing of parameters',
        'set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json, and in esbuild or swc alike',
      );
    }
    if (!record.controller) {
      return this.#report('HALYARD_BOOT_CONTROLLER', name, 'it has no @Controller', 'write @Controller() on the class');
    }
    const before = this.#paths.size + this.#http.size;
    const base = joinPath(this.options.prefix, record.controller.path);
    const components = sortComponents(record.uses, name, this.#reportComponent);
    this.#addHttp(controller, record, base, components);
    this.#addWebSockets(controller, record, base, components);
    if (
      this.#paths.size + this.#http.size === before &&
      !this.options.problems.some(({ where }) => where === name || where.startsWith(`${name}.`))
    ) {
      this.#report(
        'HALYARD_BOOT_CONTROLLER',
        name,
        'it has no endpoints',
        'decorate a method with @WebSocket, @Get, …',
      );
    }
  }

  finish(): Scanned {
    return { paths: [...this.#paths.values()].map((path) => this.#finishPath(path)), http: [...this.#http.values()] };
  }

  #addHttp(controller: Class, record: ClassRecord, base: string, components: Components): void {
    for (const [name, method] of record.methods) {
      for (const endpoint of method.endpoints) {
        if (endpoint.kind !== 'http') continue;
        const path = joinPath(base, endpoint.path);
        const scanned = this.#method(controller, record, name, method, 'http', path);
        const key = `${endpoint.method} ${path}`;
        const other = this.#http.get(key);
        if (other) {
          this.#report(
            'HALYARD_BOOT_DUPLICATE',
            scanned.handler,
            `${other.handler} takes ${key} as well`,
            'give one of them another path',
          );
          continue;
        }
        this.#checkHttp(scanned, endpoint.method, path);
        this.#http.set(key, {
          ...scanned,
          path,
          httpMethod: endpoint.method,
          sse: endpoint.sse,
          controllerComponents: components,
        });
      }
    }
  }

  #checkHttp({ handler, record }: ScannedMethod, method: string, path: string): void {
    const router = this.#routers.get(method) ?? findMyWay();
    this.#routers.set(method, router);
    try {
      router.on('GET', path, () => undefined);
    } catch (error) {
      this.#report(
        'HALYARD_BOOT_PATH',
        handler,
        `${path} cannot be routed: ${textOf(error)}`,
        'see the path syntax of find-my-way; two paths may not differ in parameter names alone',
      );
    }
    const { httpStatus = 200, redirect } = record;
    if (!isStatus(httpStatus, 200, 599)) {
      this.#report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        `@HttpCode(${httpStatus}) is no status`,
        'an integer from 200 to 599',
      );
    }
    if (redirect && !isStatus(redirect.status, 300, 399)) {
      const reason = `the status ${redirect.status} of @Redirect does not redirect`;
      this.#report('HALYARD_BOOT_OPTIONS', handler, reason, 'an integer from 300 to 399');
    }
  }

  #addWebSockets(controller: Class, record: ClassRecord, base: string, components: Components): void {
    const own = new Map<string, ScannedPath>();
    const pathFor = (path: string, handler: string): ScannedPath | undefined => {
      const existing = this.#paths.get(path);
      if (existing && existing.controller !== controller) {
        this.#report(
          'HALYARD_BOOT_PATH_SHARED',
          handler,
          `${nameOf(existing.controller)} has the WebSocket path ${path} already`,
          'put all endpoints of a path into one controller',
        );
        return undefined;
      }
      const scanned: ScannedPath = existing ?? {
        path,
        controller,
        endpoints: [],
        hooks: { connect: [], disconnect: [], error: [] },
        components,
        metadata: record.metadata,
        options: record.controller!.options,
      };
      own.set(path, scanned);
      this.#paths.set(path, scanned);
      return scanned;
    };
    for (const [name, method] of record.methods) {
      for (const endpoint of method.endpoints) {
        if (endpoint.kind !== 'websocket') continue;
        const path = joinPath(base, endpoint.path);
        const scanned = this.#method(controller, record, name, method, 'message', path);
        const options = endpoint.options as MessageOptions & ConnectionOptions;
        this.#checkEndpoint(scanned, options);
        const target = pathFor(path, scanned.handler);
        const twin = target?.endpoints.find((other) => other.options.event === options.event);
        if (twin) {
          const what =
            options.event === undefined ? 'all other messages' : `the event ${JSON.stringify(options.event)}`;
          this.#report(
            'HALYARD_BOOT_DUPLICATE',
            scanned.handler,
            `${twin.handler} takes ${what} of ${path} as well`,
            'give it an `event`, or another path',
          );
        } else {
          target?.endpoints.push({ ...scanned, options });
        }
      }
    }
    this.#addHooks(controller, record, base, own, pathFor);
  }

  #addHooks(
    controller: Class,
    record: ClassRecord,
    base: string,
    own: ReadonlyMap<string, ScannedPath>,
    pathFor: (path: string, handler: string) => ScannedPath | undefined,
  ): void {
    const hooks = [...record.methods].flatMap(([name, method]) =>
      method.endpoints.flatMap((endpoint) =>
        endpoint.kind === 'hook'
          ? [{ ...endpoint, name, method, handler: `${nameOf(controller)}.${String(name)}` }]
          : [],
      ),
    );
    // A path may have nothing but an @OnConnect: a socket that only pushes. One without a path makes one of its own only
    // where the controller has no other.
    const connects = hooks.filter(({ hook }) => hook === 'connect');
    for (const { path, handler } of connects) if (path !== undefined) pathFor(joinPath(base, path), handler);
    if (own.size === 0 && connects[0]) pathFor(base, connects[0].handler);
    for (const { hook, path, name, method, handler } of hooks) {
      const explicit = path === undefined ? undefined : joinPath(base, path);
      const targets =
        explicit === undefined ? [...own.values()] : [own.get(explicit)].filter((path) => path !== undefined);
      if (targets.length === 0) {
        this.#report(
          'HALYARD_BOOT_HOOK',
          handler,
          'it covers no WebSocket path of this controller',
          'add a @WebSocket endpoint, or an @OnConnect, on its path',
        );
      }
      for (const target of targets) {
        const scanned = this.#method(controller, record, name, method, hook, target.path);
        this.#refuseComponents(scanned, ['middleware', 'observer'], 'a hook runs after the upgrade');
        if (hook !== 'connect') {
          this.#refuseComponents(scanned, ['guard', 'interceptor'], 'there is nothing left to refuse or to answer');
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
    const mode = options.mode ?? this.options.defaultMode;
    for (const endpoint of endpoints) {
      if (!alone) this.#checkShared(endpoint);
      this.#checkMode(endpoint, mode, alone);
    }
    for (const method of [...endpoints, ...scanned.hooks.connect]) this.#checkSender(method, mode);
    if (endpoints.length === 0 && mode === 'sendOnly') {
      this.#report(
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
      this.#report(
        'HALYARD_BOOT_EVENT',
        handler,
        `the event name ${JSON.stringify(event)} is empty or reserved`,
        "reply, error, end, dropped, gap and presence_… are the protocol's own: choose another",
      );
    }
    if (order !== undefined && !isOrder(order)) {
      this.#report(
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
      this.#report(
        'HALYARD_BOOT_OPTIONS',
        endpoint.handler,
        `${misplaced.join(', ')} belongs to the connection, and other endpoints share its path`,
        'put it into the options of @Controller',
      );
    }
    this.#refuseComponents(
      endpoint,
      ['middleware', 'observer'],
      'the path has several endpoints, and the upgrade knows none of them',
    );
  }

  #checkMode({ handler, options, parameters }: ScannedEndpoint, mode: Mode, alone: boolean): void {
    if (mode !== 'sendOnly') return;
    if (!alone || options.event !== undefined) {
      this.#report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        'a sendOnly endpoint takes no messages',
        'make it the only endpoint of its path, without `event`',
      );
    }
    const body = parameters.findIndex((spec) => spec?.from === 'body');
    if (body === -1) return;
    this.#report(
      'HALYARD_BOOT_BIND',
      handler,
      'a sendOnly endpoint takes no messages, so there is no body',
      'leave it out, or use mode twoWay',
      body,
    );
  }

  #checkSender({ handler, parameters }: ScannedMethod, mode: Mode): void {
    const sender = parameters.findIndex((spec) => spec?.from === 'value' && spec.type === this.options.sender);
    if (mode !== 'receiveOnly' || sender === -1) return;
    this.#report(
      'HALYARD_BOOT_SENDER',
      handler,
      'on a receiveOnly path nothing is sent',
      'leave the Sender out, or use mode twoWay',
      sender,
    );
  }

  #method(
    controller: Class,
    record: ClassRecord,
    name: string | symbol,
    method: MethodRecord,
    place: Place,
    path: string,
  ): ScannedMethod {
    const handler = `${nameOf(controller)}.${String(name)}`;
    const body = (controller.prototype as Record<string | symbol, unknown>)[name];
    const callable = (typeof body === 'function' ? body : () => undefined) as (...args: unknown[]) => unknown;
    if (typeof body !== 'function') {
      this.#report(
        'HALYARD_BOOT_CONTROLLER',
        handler,
        'it is no method',
        'decorate methods, not properties or static members',
      );
    }
    const parameters = describeParameters({
      place,
      length: callable.length,
      records: method.parameters,
      types: parameterTypes(controller, name),
      path,
      builtins: this.options.builtins,
      isProvided: (token) => this.options.isProvided(token),
      report: (code, parameter, reason, fix) => this.#report(code, handler, reason, fix, parameter),
    });
    return {
      controller,
      method: callable,
      handler,
      record: method,
      parameters,
      components: sortComponents(method.uses, handler, this.#reportComponent),
      metadata: new Map([...record.metadata, ...method.metadata]),
    };
  }

  #refuseComponents({ handler, components }: ScannedMethod, roles: readonly Role[], reason: string): void {
    for (const role of roles) {
      for (const component of components[role]) {
        this.#report(
          'HALYARD_BOOT_COMPONENT',
          handler,
          `the ${role} ${nameOfComponent(component)} cannot run here: ${reason}`,
          'put it on the controller',
        );
      }
    }
  }

  readonly #reportComponent = (where: string, reason: string, fix: string): void =>
    this.#report('HALYARD_BOOT_COMPONENT', where, reason, fix);

  #report(code: BootCode, where: string, reason: string, fix: string, parameter?: number): void {
    const { problems } = this.options;
    const known = problems.some(
      (p) => p.code === code && p.where === where && p.parameter === parameter && p.reason === reason,
    );
    if (!known) problems.push({ code, where, reason, fix, parameter });
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

function isStatus(status: number, from: number, to: number): boolean {
  return Number.isInteger(status) && status >= from && status <= to;
}

function isOrder(order: Order): boolean {
  if (order === 'serial' || order === 'latest') return true;
  return typeof order === 'object' && order !== null && Number.isSafeInteger(order.concurrent) && order.concurrent > 0;
}

/** `/a/b` of `a` and `/b/`; slashes of all kinds come out as one each. */
export function joinPath(...parts: readonly string[]): string {
  const segments = parts.flatMap((part) => part.split('/')).filter((segment) => segment !== '');
  return `/${segments.join('/')}`;
}
