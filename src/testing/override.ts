import type { AppOptions, Class, Container, Provider, Token } from '../index.js';

/**
 * A token and what stands in for it: a value, a class, or as a provider has it `{ useFactory, inject }`, `{ useExisting }`,
 * and `{ useValue }` for a class that is itself the value.
 */
export type Override = readonly [token: Token, replacement: unknown];

/** The options with what a test replaces, whether Halyard's container or the user's own provides it. */
export function withOverrides(options: AppOptions, overrides: readonly Override[]): AppOptions {
  const { providers = [], container } = options;
  const replaced = new Set(overrides.map(([token]) => token));
  return {
    ...options,
    // Of two providers the later one counts.
    providers: [...providers, ...overrides.map(([token, replacement]) => providerOf(token, replacement))],
    ...(container && { container: without(replaced, container) }),
  };
}

function providerOf(provide: Token, replacement: unknown): Provider {
  if (isClass(replacement)) return { provide, useClass: replacement };
  const isProvider = ['useClass', 'useFactory', 'useExisting', 'useValue'].some(
    (key) => typeof replacement === 'object' && replacement !== null && Object.hasOwn(replacement, key),
  );
  return isProvider ? ({ ...(replacement as object), provide } as Provider) : { provide, useValue: replacement };
}

/** A container is asked before the providers: it must not know what is replaced. */
function without(replaced: ReadonlySet<Token>, container: Container): Container {
  return {
    has: (token) => !replaced.has(token) && container.has(token),
    get: (token) => container.get(token),
    ...(container.isScoped && { isScoped: (token) => container.isScoped!(token) }),
    ...(container.createScope && { createScope: () => container.createScope!() }),
  };
}

/** A class, as opposed to a function, which is a value such as a spy. */
function isClass(value: unknown): value is Class {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}
