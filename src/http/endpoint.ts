import type { HttpContext } from '../pipeline/context.js';
import type { Observers } from '../pipeline/observers.js';
import type { Plan } from '../pipeline/plan.js';
import type { Route } from '../pipeline/route.js';
import type { OpenScope } from '../pipeline/scope.js';

/** An HTTP endpoint, compiled. */
export interface HttpEndpoint {
  readonly route: Route;
  /** `ALL` stands for every method. */
  readonly method: string;
  /** The returned iterable goes out as `text/event-stream`. */
  readonly sse: boolean;
  /** Middleware, guards and request bindings: before a body is read. */
  readonly admission: Plan<HttpContext>;
  /** Interceptors, body, endpoint, answer. */
  readonly plan: Plan<HttpContext>;
  readonly observers: Observers;
  /** Fills `context.slots` with scoped instances; `undefined` where nothing is scoped. */
  readonly openScope: OpenScope | undefined;
  /** `@HttpCode`; default 200, 201 for POST, 204 where nothing is returned. */
  readonly status: number | undefined;
  /** `@SetHeader` */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly redirect: { readonly url: string; readonly status: number } | undefined;
}
