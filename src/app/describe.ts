import { nameOfComponent, type Components } from './components.js';
import type { ScannedHttp } from './scan-http.js';
import type { ScannedPath } from './scan-websocket.js';
import type { TimedPath } from './options.js';
import { dtoOf } from '../pipeline/body.js';
import { hasRules } from '../pipeline/dto/dto-class.js';
import { compileDto } from '../pipeline/dto/dto.js';
import type { ParameterSpec } from '../pipeline/parameters.js';
import type { Mode } from '../pipeline/route.js';
import type { Order } from '../connection/options.js';
import { roles } from '../pipeline/components.js';

/** One endpoint or hook, and the order in which its components run. */
export interface RouteDescription {
  readonly kind: 'websocket' | 'http' | 'hook';
  /** `WS`, an HTTP method, or the hook's name. */
  readonly method: string;
  readonly path: string;
  readonly event?: string;
  readonly handler: string;
  readonly mode?: Mode;
  readonly order?: Order;
  /** Once per connection or HTTP request, before the 101: `guard SignedIn`. */
  readonly admission: readonly string[];
  /** For each message, connect or request, the endpoint itself among them. */
  readonly handling: readonly string[];
  /**
   * How what it binds to a class is checked: `compiled`, or `class-validator (Account.name: the custom validator isFree)`
   * where it goes through the libraries. None: it binds nothing to a class with rules.
   */
  readonly validation?: string;
}

type Listed = 'observer' | 'middleware' | 'guard' | 'each' | 'interceptor' | 'pipe' | 'catcher';

/** Describes a WebSocket path: its hooks and endpoints. */
export function describePath(scanned: ScannedPath, timing: TimedPath, app: Components): RouteDescription[] {
  const levels = [app, scanned.components];
  const alone = scanned.endpoints.length === 1;
  const { path } = scanned;
  const { mode } = timing.options;
  const admissionLevels = alone ? [...levels, scanned.endpoints[0]!.components] : levels;
  const admission = list(admissionLevels, ['observer', 'middleware', 'guard']);
  const hooks = Object.entries(scanned.hooks).flatMap(([hook, methods]) =>
    methods.map(({ handler, components, parameters }): RouteDescription => {
      const handling = [
        ...list([components], ['guard']),
        ...around([...levels, components], handler, hook === 'connect'),
      ];
      return { kind: 'hook', method: hook, path, handler, admission, handling, ...validationOf(parameters) };
    }),
  );
  const endpoints = scanned.endpoints.map(({ handler, components, options, parameters }): RouteDescription => {
    const all = [...levels, components];
    const guards = [...list(levels, ['each']), ...list([components], [alone ? 'each' : 'guard'])];
    return {
      kind: 'websocket',
      method: 'WS',
      path,
      ...(options.event === undefined ? {} : { event: options.event }),
      handler,
      mode,
      order: options.order ?? 'serial',
      admission,
      handling: [...guards, ...around(all, handler, true)],
      ...validationOf(parameters),
    };
  });
  return [...hooks, ...endpoints].map(freeze);
}

/** Describes an HTTP endpoint. */
export function describeHttp(scanned: ScannedHttp, app: Components): RouteDescription {
  const levels = [app, scanned.controllerComponents, scanned.components];
  return freeze({
    kind: 'http',
    method: scanned.sse ? 'SSE' : scanned.httpMethod,
    path: scanned.path,
    handler: scanned.handler,
    admission: list(levels, ['observer', 'middleware', 'guard']),
    handling: around(levels, scanned.handler, true),
    ...validationOf(scanned.parameters),
  });
}

/** Of bodies, and of request values that are bound as a whole. */
function validationOf(parameters: readonly (ParameterSpec | undefined)[]): { validation?: string } {
  const dtos = parameters.flatMap((spec) => {
    const isBound = spec?.from === 'body' || (spec?.from === 'request' && spec.info.name === undefined);
    const dto = isBound ? dtoOf(spec.info.type) : undefined;
    return dto && hasRules(dto) ? [dto] : [];
  });
  if (dtos.length === 0) return {};
  const reasons = dtos.map((dto) => compileDto(dto).notCompiled).filter((reason) => reason !== undefined);
  return { validation: reasons.length === 0 ? 'compiled' : `class-validator (${[...new Set(reasons)].join('; ')})` };
}

function freeze(description: RouteDescription): RouteDescription {
  Object.freeze(description.admission);
  Object.freeze(description.handling);
  return Object.freeze(description);
}

/** Interceptors, pipes, the endpoint, then interceptors and catchers from the inside out. */
function around(levels: readonly Components[], handler: string, intercepted: boolean): string[] {
  const interceptors = intercepted ? names(levels, 'interceptor') : [];
  return [
    ...interceptors.filter(([, has]) => has.pre).map(([name]) => `interceptor ${name}.pre`),
    ...list(levels, ['pipe']),
    `endpoint ${handler}`,
    ...interceptors
      .filter(([, has]) => has.post)
      .map(([name]) => `interceptor ${name}.post`)
      .reverse(),
    ...list(levels, ['catcher']).reverse(),
  ];
}

function list(levels: readonly Components[], listed: readonly Listed[]): string[] {
  return listed.flatMap((role) =>
    levels
      .flatMap((level) => level[role])
      .map((component) => `${role === 'each' ? 'guard' : role} ${nameOfComponent(component)}`),
  );
}

function names(
  levels: readonly Components[],
  role: (typeof roles)[number],
): [string, { pre: boolean; post: boolean }][] {
  return levels
    .flatMap((level) => level[role])
    .map((component) => {
      const shape = (typeof component === 'function' ? component.prototype : component) as Record<string, unknown>;
      return [nameOfComponent(component), { pre: 'pre' in shape, post: 'post' in shape }];
    });
}
