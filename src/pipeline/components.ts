import type { Class } from '../metadata/metadata.js';
import type { CloseInfo } from './close-info.js';
import type { Context, HttpContext, UpgradeContext } from './context.js';
import type { MaybePromise } from './maybe-promise.js';

/** Where in the lifecycle an error came up. */
export type Stage =
  | 'upgrade'
  | 'origin'
  | 'limits'
  | 'middleware'
  | 'guard'
  | 'bind'
  | 'connect'
  | 'decode'
  | 'pre'
  | 'body'
  | 'endpoint'
  | 'post'
  | 'send'
  | 'stream'
  | 'publish'
  | 'socket'
  | 'disconnect'
  | 'cleanup'
  | 'catcher';

/** How the handling of one message, connect, or HTTP request ended. */
export interface Outcome {
  readonly status: 'ok' | 'error' | 'timeout' | 'superseded' | 'gone';
  readonly error?: unknown;
  readonly durationMs: number;
}

/** Why something was not delivered or not handled. */
export type DropReason =
  /** Received on a `sendOnly` path. */
  | 'send-only'
  /** Returned by an endpoint of a `receiveOnly` path. */
  | 'receive-only'
  /** Received after `close()` was called, or not read by the endpoint of an inbox when it returned. */
  | 'closing'
  /** Waiting or unsent when the client went away. */
  | 'gone'
  /** A handler's result after its message had been answered: by a timeout, or a newer message. */
  | 'late'
  /** A publication that a slow reader did not get. */
  | 'slow'
  /** Publications of a channel, while the broker was away: how many, nobody knows. Told for subscribers with `gaps`. */
  | 'gap'
  /** Replaced by a newer message (`order: 'latest'`). */
  | 'superseded'
  /** Refused by the rate limit. */
  | 'rate'
  /** An interceptor answered `DROP`. */
  | 'interceptor';

export interface Dropped {
  readonly reason: DropReason;
  readonly count: number;
  readonly channel?: string;
}

/** Sees everything and changes nothing; what it throws is logged and harms nobody. */
export interface Observer {
  opened?(context: Context): void;
  handled?(context: Context, outcome: Outcome): void;
  dropped?(context: Context, dropped: Dropped): void;
  failed?(error: unknown, context: Context, stage: Stage): void;
  closed?(context: Context, info: CloseInfo): void;
}

/** Runs before the guards, once per upgrade and HTTP request: continues, refuses, or throws. */
export interface Middleware {
  use(context: HttpContext | UpgradeContext): MaybePromise<void | Refusal>;
}

/** `false` is 403 `FORBIDDEN`; throw an `HttpError` for another answer. */
export interface Guard {
  canActivate(context: Context): MaybePromise<boolean>;
}

export interface Interceptor {
  /** Before the body is bound. An `answer(value)` is the reply; the endpoint and later interceptors do not run. */
  pre?(context: Context): MaybePromise<void | Answer>;
  /** Sees each reply and stream value. Returns another value, `DROP`, or `undefined` to leave it as it is. */
  post?(context: Context, value: unknown): MaybePromise<unknown>;
  /** Once per message, however it ended, for interceptors whose `pre` was reached. */
  done?(context: Context, outcome: Outcome): void;
}

/** What a pipe is told of the value that it transforms. */
export interface ParameterInfo {
  readonly source: 'body' | 'param' | 'query' | 'header' | 'cookie' | 'custom';
  readonly name: string | undefined;
  /** The declared type: a class, `String`, …; `undefined` where none is known. */
  readonly type: unknown;
  readonly index: number;
}

export interface Pipe<I = unknown, O = unknown> {
  transform(value: I, parameter: ParameterInfo, context: Context): MaybePromise<O>;
}

/** Answers errors; `undefined` leaves it to the next catcher: method, then controller, then app. */
export interface Catcher {
  catch(error: unknown, context: Context): MaybePromise<Answer | CloseWith | undefined | void>;
}

export type LifecycleComponent = Observer | Middleware | Guard | Interceptor | Pipe<never, unknown> | Catcher;

/** A component as it is written in `use`: a class (from the container, one instance), an instance, or `each(…)`. */
export type ComponentLike = Class | object;

/** The reply of an interceptor's `pre` or of a catcher. Made by `answer()`. */
export class Answer {
  constructor(
    readonly value: unknown,
    readonly status: number | undefined,
  ) {}
}

/** Answers in the endpoint's place. `status` counts for HTTP and refused upgrades only. */
export function answer(value: unknown, options: { status?: number } = {}): Answer {
  return new Answer(value, options.status);
}

/** A middleware's refusal. Made by `refuse()`. */
export class Refusal {
  constructor(
    readonly status: number,
    readonly message: string | undefined,
    readonly options: { code?: string; details?: unknown; headers?: Record<string, string> },
  ) {}
}

/** Refuses an upgrade or an HTTP request. */
export function refuse(
  status: number,
  message?: string,
  options: { code?: string; details?: unknown; headers?: Record<string, string> } = {},
): Refusal {
  return new Refusal(status, message, options);
}

/** A catcher's decision to close the connection. Made by `closeWith()`. */
export class CloseWith {
  constructor(
    readonly code: number,
    readonly reason: string,
  ) {}
}

/** Closes the connection with this code and reason; what is queued is handled and sent first. */
export function closeWith(code: number, reason = ''): CloseWith {
  return new CloseWith(code, reason);
}

/** Returned by an interceptor's `post`: nothing is sent (counted as dropped, reason `interceptor`). */
export const DROP: unique symbol = Symbol('halyard.drop');

/** A component that was written for one of its roles: `@UseGuards(X)`. */
export class InRole {
  constructor(
    readonly role: Role,
    readonly component: ComponentLike,
  ) {}
}

/** A guard that runs for every message as well. Made by `each()`. */
export class Each {
  constructor(readonly guard: ComponentLike) {}
}

/** Makes a guard run for every message, not at the upgrade alone. */
export function each(_when: 'message', guard: ComponentLike): Each {
  return new Each(guard);
}

export const roles = ['observer', 'middleware', 'guard', 'interceptor', 'pipe', 'catcher'] as const;
export type Role = (typeof roles)[number];

const methodsOfRole: Readonly<Record<Role, readonly string[]>> = {
  observer: ['opened', 'handled', 'dropped', 'failed', 'closed'],
  middleware: ['use'],
  guard: ['canActivate'],
  interceptor: ['pre', 'post', 'done'],
  pipe: ['transform'],
  catcher: ['catch'],
};

/** The roles that a component fills, read off its methods. */
export function rolesOf(component: ComponentLike): readonly Role[] {
  const shape = (typeof component === 'function' ? component.prototype : component) as Record<string, unknown>;
  return roles.filter((role) => methodsOfRole[role].some((method) => typeof shape[method] === 'function'));
}
