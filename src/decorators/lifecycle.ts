import { ownMethod, ownRecord } from '../metadata/metadata.js';
import type { Class } from '../metadata/metadata.js';
import {
  Each,
  InRole,
  type Catcher,
  type Guard,
  type Interceptor,
  type Middleware,
  type Observer,
  type Pipe,
  type Role,
} from '../pipeline/components.js';

type Of<T> = Class<T> | T;

/** Components of any role, each in all the roles that it fills, on a controller or a method. They run app → controller → method. */
export function Use(...components: (Class | object)[]): ClassDecorator & MethodDecorator {
  return uses(components);
}

export function UseObservers(...observers: Of<Observer>[]): ClassDecorator & MethodDecorator {
  return uses(inRole('observer', observers));
}

export function UseMiddleware(...middleware: Of<Middleware>[]): ClassDecorator & MethodDecorator {
  return uses(inRole('middleware', middleware));
}

/** Guards run at the upgrade; those of a method on a path with several endpoints, and `each('message', X)`, per message. */
export function UseGuards(...guards: (Of<Guard> | Each)[]): ClassDecorator & MethodDecorator {
  return uses(inRole('guard', guards));
}

export function UseInterceptors(...interceptors: Of<Interceptor>[]): ClassDecorator & MethodDecorator {
  return uses(inRole('interceptor', interceptors));
}

/** Pipes for every body, param, query, header, cookie and custom parameter; those on a parameter run after them. */
export function UsePipes(...pipes: Of<Pipe<never, unknown>>[]): ClassDecorator & MethodDecorator {
  return uses(inRole('pipe', pipes));
}

export function UseCatchers(...catchers: Of<Catcher>[]): ClassDecorator & MethodDecorator {
  return uses(inRole('catcher', catchers));
}

/** A value that components read with `context.metadata`, method before controller. */
export function SetMetadata(key: unknown, value: unknown): ClassDecorator & MethodDecorator {
  return onClassOrMethod((record) => record.metadata.set(key, value));
}

/** Decorators are applied from the last to the first; the record keeps the order in which they were written. */
function uses(components: readonly unknown[]): ClassDecorator & MethodDecorator {
  return onClassOrMethod((record) => record.uses.unshift(...components));
}

function onClassOrMethod(
  write: (record: { uses: unknown[]; metadata: Map<unknown, unknown> }) => unknown,
): ClassDecorator & MethodDecorator {
  return (target: object, name?: unknown) => {
    if (typeof name === 'object') ownRecord(target).standardDecorators = true;
    else write(name === undefined ? ownRecord(target) : ownMethod(target, name as string | symbol));
  };
}

/** The decorator of one role takes a component in that role alone. */
function inRole(role: Role, components: readonly (Class | object)[]): unknown[] {
  return components.map((component) => (component instanceof Each ? component : new InRole(role, component)));
}
