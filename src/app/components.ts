import type { Class } from '../metadata/metadata.js';
import { Each, rolesOf, type ComponentLike, type Role } from '../pipeline/components.js';

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
    const component = (entry instanceof Each ? entry.guard : entry) as ComponentLike;
    if (!isComponent(component)) {
      report(where, ...whyNoComponent(component));
      continue;
    }
    const roles = rolesOf(component);
    if (entry instanceof Each && !roles.includes('guard')) {
      report(where, `each() was given ${nameOfComponent(component)}, which is no guard`, 'give it a guard');
      continue;
    }
    for (const role of roles) sorted[role].push(component);
    if (entry instanceof Each) sorted.each.push(component);
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
