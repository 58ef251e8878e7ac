/** The HTTP endpoints of controllers. */
import findMyWay from 'find-my-way';
import { textOf } from '../errors.js';
import type { Components } from './components.js';
import { joinPath, type ScanContext, type ScannedController, type ScannedMethod } from './scan-context.js';

export interface ScannedHttp extends ScannedMethod {
  readonly path: string;
  readonly method: (...args: unknown[]) => unknown;
  readonly httpMethod: string;
  readonly sse: boolean;
  readonly controllerComponents: Components;
}

export class HttpScanner {
  readonly #endpoints = new Map<string, ScannedHttp>();
  /** By HTTP method: only to learn at boot what Fastify would refuse. */
  readonly #routers = new Map<string, findMyWay.Instance<findMyWay.HTTPVersion.V1>>();

  constructor(private readonly scan: ScanContext) {}

  /** How many there are so far. */
  get size(): number {
    return this.#endpoints.size;
  }

  get endpoints(): ScannedHttp[] {
    return [...this.#endpoints.values()];
  }

  add(controller: ScannedController): void {
    const { record, base, components } = controller;
    for (const [name, method] of record.methods) {
      for (const endpoint of method.endpoints) {
        if (endpoint.kind !== 'http') continue;
        const path = joinPath(base, endpoint.path);
        const scanned = this.scan.method(controller, name, method, 'http', path);
        const key = `${endpoint.method} ${path}`;
        const other = this.#endpoints.get(key);
        if (other) {
          this.scan.report(
            'HALYARD_BOOT_DUPLICATE',
            scanned.handler,
            `${other.handler} takes ${key} as well`,
            'give one of them another path',
          );
          continue;
        }
        this.#check(scanned, endpoint.method, path);
        this.#endpoints.set(key, {
          ...scanned,
          path,
          httpMethod: endpoint.method,
          sse: endpoint.sse,
          controllerComponents: components,
        });
      }
    }
  }

  #check({ handler, record }: ScannedMethod, method: string, path: string): void {
    const router = this.#routers.get(method) ?? findMyWay();
    this.#routers.set(method, router);
    try {
      router.on('GET', path, () => undefined);
    } catch (error) {
      this.scan.report(
        'HALYARD_BOOT_PATH',
        handler,
        `${path} cannot be routed: ${textOf(error)}`,
        'see the path syntax of find-my-way; two paths may not differ in parameter names alone',
      );
    }
    const { httpStatus = 200, redirect } = record;
    if (!isStatus(httpStatus, 200, 599)) {
      this.scan.report(
        'HALYARD_BOOT_OPTIONS',
        handler,
        `@HttpCode(${httpStatus}) is no status`,
        'an integer from 200 to 599',
      );
    }
    if (redirect && !isStatus(redirect.status, 300, 399)) {
      const reason = `the status ${redirect.status} of @Redirect does not redirect`;
      this.scan.report('HALYARD_BOOT_OPTIONS', handler, reason, 'an integer from 300 to 399');
    }
  }
}

function isStatus(status: number, from: number, to: number): boolean {
  return Number.isInteger(status) && status >= from && status <= to;
}
