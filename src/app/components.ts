import type { Class } from '../metadata/metadata.js';
import { Each, InRole, rolesOf, type ComponentLike, type Role } from '../pipeline/components.js';

/** Components of one level, app, controller or method, by role and in the order in which they were written. */
export interface Components extends Readonly<Record<Role, readonly ComponentLike[]>> {
  /** Those of the guards that run for every message as well. */
  readonly each: readonly ComponentLike[];
}

/** Sorts what was written in `use` by the roles that each component fills; what fills none is reported. */
export function sortComponents(
  written: readonly unknown[],
  where: string,
  report: (where: string, reason: string, fix: string) => void,
): Components {
  const sorted: Record<Role | 'each', ComponentLike[]> = {
    observer: [],
    middleware: [],
    guard: [],
    interceptor: [],
    pipe: [],
    catcher: [],
    each: [],
  };
  for (const entry of written) {
    const { component, role } = unwrap(entry);
    if (!isComponent(component)) {
      report(where, ...whyNoComponent(component));
      continue;
    }
    const filled = rolesOf(component);
    const roles = role === undefined ? filled : filled.filter((other) => other === role);
    for (const each of roles) sorted[each].push(component);
    if (entry instanceof Each && roles.length > 0) sorted.each.push(component);
    if (roles.length === 0 && role !== undefined) {
      const given = entry instanceof Each ? 'each()' : `the decorator for the role ${role}`;
      report(
        where,
        `${given} was given ${nameOfComponent(component)}, which is no ${role}`,
        `give it a ${role}, or write @Use`,
      );
      continue;
    }
    if (roles.length === 0) {
      report(
        where,
        `${nameOfComponent(component)} fills no role`,
        'it needs a method such as canActivate, use, pre, transform, catch or handled',
      );
    }
  }
  return sorted;
}

/** What was written, and the one role that it was written for. */
function unwrap(entry: unknown): { component: unknown; role: Role | undefined } {
  if (entry instanceof Each) return { component: entry.guard, role: 'guard' };
  if (entry instanceof InRole) return { component: entry.component, role: entry.role };
  return { component: entry, role: undefined };
}

/** A component's name, as messages and `app.routes()` show it. */
export function nameOfComponent(component: ComponentLike): string {
  const named = typeof component === 'function' ? (component as Class) : component.constructor;
  return named.name || 'an anonymous component';
}

/** Arrow functions have no prototype: they are no classes. */
function isComponent(component: unknown): component is ComponentLike {
  if (typeof component === 'function') return component.prototype !== undefined;
  return typeof component === 'object' && component !== null;
}

function whyNoComponent(component: unknown): [reason: string, fix: string] {
  if (typeof component === 'function') {
    return [
      `the function ${component.name || 'without a name'} is no component`,
      'give a class or an instance; a middleware in the style of Express goes into connect(middleware)',
    ];
  }
  const fix =
    component === undefined
      ? 'a circular import may have left it undefined: move what both files need into a third'
      : 'give a class or an instance';
  return [`${String(component)} is no component`, fix];
}
