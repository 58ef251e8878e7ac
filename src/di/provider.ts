/** Tokens, providers, and the recipe that each provider becomes when it is registered. */
import { textOf, type BootProblem } from '../errors.js';
import { constructorTypes, readRecord, type Class, type Scope } from '../metadata/metadata.js';

/** What a provider is asked for by: its class, or a name where there is no class, as for an interface. */
export type Token<T = unknown> = Class<T> | string | symbol;

/**
 * How a token is provided. A class stands for itself; a class under another token, a value, a factory and another name
 * for a token are spelled out.
 *
 * The container disposes what it made: what a class or a factory gave, unless a factory returned one of its own
 * dependencies. It never disposes a `useValue`.
 *
 * @example providers: [Rooms, { provide: 'db', useFactory: (url: string) => connect(url), inject: ['db.url'] }]
 */
export type Provider =
  | Class
  | {
      readonly provide: Token;
      readonly useClass: Class;
      /** @default what `@Injectable` says */
      readonly scope?: Scope;
    }
  | { readonly provide: Token; readonly useValue: unknown }
  | {
      readonly provide: Token;
      /** May be async. A singleton's is awaited at boot. */
      readonly useFactory: (...dependencies: never[]) => unknown;
      /** What the factory is called with, in this order. */
      readonly inject?: readonly Token[];
      /** @default 'singleton' */
      readonly scope?: Scope;
    }
  | { readonly provide: Token; readonly useExisting: Token };

/**
 * A container of the user's own, asked before Halyard's: tsyringe, inversify, awilix or Nest's behind a few lines.
 *
 * It MUST answer `has` without making anything. What it supplies is never disposed by Halyard. A container whose
 * instances may live with a connection fills both `isScoped` and `createScope`; one that fills neither supplies
 * singletons and transients.
 */
export interface Container {
  has(token: Token): boolean;
  get<T>(token: Token<T>): T | Promise<T>;
  /** Whether the token lives with a connection, and so comes from `createScope()` instead of from `get`. */
  isScoped?(token: Token): boolean;
  /** Called once for each connection or HTTP request that needs one of the scoped tokens, at the first of them. */
  createScope?(): ContainerScope;
}

/** The part of a container that lives with one connection or HTTP request. */
export interface ContainerScope {
  has(token: Token): boolean;
  get<T>(token: Token<T>): T | Promise<T>;
  /** Called once, whatever has thrown before. */
  dispose(): void | Promise<void>;
}

/** A provider as the container works with it. */
export interface Recipe {
  readonly token: Token;
  readonly kind: 'class' | 'factory' | 'value' | 'existing' | 'external' | 'builtin';
  /** Where a mistake is: `RoomStore.constructor`. */
  readonly where: string;
  readonly scope: Scope;
  readonly dependencies: readonly Token[];
  /** `external` is the external container's part for the scope that asks. */
  create(args: readonly unknown[], external: () => ContainerScope): unknown;
}

/** Stands in for a type that the compiler emitted nothing for, and for one that was `undefined` when it was read. */
export const notEmitted = Symbol('a type that was not emitted');
export const notYetDefined = Symbol('a type that was not yet defined');

/** A token as messages spell it. */
export function tokenName(token: Token): string {
  if (typeof token === 'function') return token.name || 'a class without a name';
  return typeof token === 'string' ? `'${token}'` : textOf(token);
}

/** What a provider comes to, or what is wrong with how it is written. */
export function recipeOf(provider: Provider): Recipe | BootProblem {
  if (typeof provider === 'function') return classRecipe(provider, provider);
  const { provide } = (provider ?? {}) as Partial<typeof provider>;
  if (provide == null) return malformed('providers', 'a provider, or its `provide`, is undefined');
  if ('useClass' in provider) {
    if (typeof provider.useClass !== 'function') return malformed(tokenName(provide), 'its `useClass` is not a class');
    return classRecipe(provide, provider.useClass, provider.scope);
  }
  if ('useFactory' in provider) {
    const { inject = [], scope = 'singleton' } = provider;
    const factory = provider.useFactory as (...args: readonly unknown[]) => unknown;
    if (typeof factory !== 'function') return malformed(tokenName(provide), 'its `useFactory` is not a function');
    const create = (args: readonly unknown[]): unknown => factory(...args);
    return recipe('factory', provide, scope, inject, create, `useFactory of ${tokenName(provide)}`);
  }
  if ('useExisting' in provider) {
    const where = `useExisting of ${tokenName(provide)}`;
    return recipe('existing', provide, 'transient', [provider.useExisting], ([existing]) => existing, where);
  }
  if ('useValue' in provider) return recipe('value', provide, 'singleton', [], () => provider.useValue);
  return malformed(tokenName(provide), 'it does not say how it is provided');
}

export function recipe(
  kind: Recipe['kind'],
  token: Token,
  scope: Scope,
  dependencies: readonly (Token | undefined)[],
  create: Recipe['create'],
  where = tokenName(token),
): Recipe {
  return { kind, token, scope, dependencies: dependencies.map((type) => type ?? notYetDefined), create, where };
}

function classRecipe(token: Token, type: Class, scope?: Scope): Recipe {
  const { controller, injectable } = readRecord(type);
  const constructor = type as unknown as new (...args: readonly unknown[]) => unknown;
  const lives = scope ?? (controller?.options['scope'] as Scope | undefined) ?? injectable?.scope ?? 'singleton';
  const create = (args: readonly unknown[]): unknown => new constructor(...args);
  return recipe('class', token, lives, parametersOf(type), create, `${tokenName(type)}.constructor`);
}

/** One token a parameter: `@Inject` before the emitted type. A class without a constructor has its base class' own. */
function parametersOf(type: Class): (Token | undefined)[] {
  const types = constructorTypes(type);
  // A constructor of its own on a class without decorators: what is found are the base class' types, not this one's.
  const foreign = types && type.length > 0 && types === constructorTypes(Object.getPrototypeOf(type) as Class);
  const parameters: (Token | undefined)[] =
    types && !foreign ? [...(types as (Token | undefined)[])] : Array.from({ length: type.length }, () => notEmitted);
  if (foreign) return parameters;
  for (const { index, source, name } of readRecord(type).constructorParameters) {
    while (parameters.length < index) parameters.push(notEmitted);
    if (source === 'inject') parameters[index] = name as Token | undefined;
  }
  return parameters;
}

function malformed(where: string, reason: string): BootProblem {
  return {
    code: 'HALYARD_BOOT_PROVIDER',
    where,
    reason,
    fix: 'give a class, or `provide` with `useClass`, `useValue`, `useFactory` or `useExisting`; what is undefined here may be an import that goes round in a circle',
  };
}
