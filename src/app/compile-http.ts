/** From a scanned HTTP endpoint to what runs. */

import type { HttpEndpoint } from '../http/endpoint.js';

import { compileAdmission, compilePlan, SlotTable } from '../pipeline/compile.js';
import type { Guard, Interceptor, Middleware, Pipe, Role } from '../pipeline/components.js';
import type { HttpContext } from '../pipeline/context.js';

import type { Resolve } from '../pipeline/plan.js';

import type { ScannedHttp } from './scan-http.js';

import { catchersOf, observersOf, openerOf, resolverFor, type CompileOptions } from './compile-context.js';
/** Compiles one HTTP endpoint. */
export function compileHttp(scanned: ScannedHttp, options: CompileOptions): HttpEndpoint {
  const slots = new SlotTable();
  const resolver = resolverFor(options, slots);
  const levels = [options.components, scanned.controllerComponents, scanned.components];
  const resolve = <T>(role: Role): Resolve<T>[] =>
    levels.flatMap((level) => level[role]).map((component) => resolver.resolve<T>(component));
  const observers = observersOf(
    levels.flatMap((level) => level.observer),
    options,
  );
  const shared = { catchers: catchersOf(levels, resolver), responder: options.responders.http, observers, slots };
  const plan = compilePlan<HttpContext>({
    stage: 'endpoint',
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
    guards: resolve<Guard>('guard'),
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
