import { ownRecord, type Class, type Scope } from '../metadata/metadata.js';
import type { ConnectionOptions } from '../connection/options.js';

/** Options of `@Controller`: those of the connection, and how long an instance lives. */
export interface ControllerOptions extends ConnectionOptions {
  /** `connection`: one instance per connection, or HTTP request. @default 'singleton' */
  scope?: 'singleton' | 'connection';
}

/**
 * A class whose methods are endpoints.
 *
 * @param path of all its endpoints, `rooms/:room`; wildcards and patterns are those of find-my-way. @default ''
 */
export function Controller(path?: string, options?: ControllerOptions): ClassDecorator;
export function Controller(options: ControllerOptions): ClassDecorator;
export function Controller(path: string | ControllerOptions = '', options: ControllerOptions = {}): ClassDecorator {
  const record = typeof path === 'string' ? { path, options: { ...options } } : { path: '', options: { ...path } };
  return classDecorator((target) => (ownRecord(target).controller = record));
}

/**
 * A provider: a class that the container makes. @default scope 'singleton'
 */
export function Injectable(options: { scope?: Scope } = {}): ClassDecorator {
  const scope = options.scope ?? 'singleton';
  return classDecorator((target) => (ownRecord(target).injectable = { scope }));
}

/** Says which errors a catcher class takes; without types: all. */
export function Catch(...types: Class[]): ClassDecorator {
  return classDecorator((target) => (ownRecord(target).catches = types));
}

/** A standard (stage-3) decorator gets a second argument; the scanner reports such classes. */
function classDecorator(decorate: (target: Class) => unknown): ClassDecorator {
  return ((target: Class, context?: unknown) => {
    if (context !== undefined) ownRecord(target).standardDecorators = true;
    decorate(target);
  }) as ClassDecorator;
}
