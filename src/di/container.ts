/** The container: what is registered, checked and built at boot, and the scopes of connections and HTTP requests. */
import { BootError, HalyardError, textOf, type BootProblem } from '../errors.js';
import type { Class } from '../metadata/metadata.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import { inspectGraph, pathToScoped } from './graph.js';
import {
  recipe,
  recipeOf,
  tokenName,
  type Container,
  type ContainerScope,
  type Provider,
  type Recipe,
  type Token,
} from './provider.js';
import { HalyardScope, type ScopeParts } from './scope.js';

export interface ContainerOptions {
  /** The user's own container, asked before this one. */
  readonly external?: Container | undefined;
  /** Tokens that the framework supplies in each scope: what asks for one must live with a connection. */
  readonly builtins?: ReadonlySet<Token>;
}

/**
 * Halyard's own container.
 *
 * In this order: `register` everything, `check`, `build`, then `get` and `createScope`, at last `dispose`. Singletons are
 * built at boot, so none is ever first made inside a connection and keeps what belongs to that connection.
 */
export class HalyardContainer implements Container {
  readonly #external: Container | undefined;
  readonly #builtins: ReadonlySet<Token>;
  readonly #recipes = new Map<Token, Recipe>();
  readonly #malformed: BootProblem[] = [];
  /** Keeps the singletons. */
  readonly #app: HalyardScope;
  /** Makes what belongs to the caller of `get`. */
  readonly #callers: HalyardScope;
  readonly #scopeParts: ScopeParts;
  #state: 'open' | 'building' | 'built' = 'open';

  constructor(options: ContainerOptions = {}) {
    const { external } = options;
    this.#external = external;
    this.#builtins = options.builtins ?? new Set();
    const find = this.#find;
    const openExternal = (): ContainerScope => external!.createScope!();
    this.#app = new HalyardScope({ find, lifetime: 'app', openExternal });
    this.#scopeParts = { find, lifetime: 'connection', app: this.#app, openExternal };
    this.#callers = new HalyardScope({ ...this.#scopeParts, lifetime: 'caller' });
  }

  /**
   * Adds a provider. A later one replaces an earlier one of the same token, as a test does.
   *
   * @throws {HalyardError} `HALYARD_APP_STATE` after `build`
   */
  register(provider: Provider): void {
    this.#assertOpen('register');
    const made = recipeOf(provider);
    if ('create' in made) this.#recipes.set(made.token, made);
    else this.#malformed.push(made);
  }

  /** Adds a controller or a component under its own class, unless that is registered already: one instance either way. */
  registerSelf(type: Class): void {
    if (!this.#recipes.has(type)) this.register(type);
  }

  /** All mistakes of the graph at once: what is missing, circles, singletons that would keep what lives with a connection. */
  check(): BootProblem[] {
    const problems = [...this.#malformed, ...inspectGraph(this.#recipes.keys(), this.#find).problems];
    const external = this.#external;
    if (external && !external.isScoped !== !external.createScope) {
      problems.push({
        code: 'HALYARD_BOOT_SETTING',
        where: 'container',
        reason: `it has \`${external.isScoped ? 'isScoped' : 'createScope'}\` alone, so its connection-scoped providers cannot be used`,
        fix: 'fill both `isScoped` and `createScope`, or neither',
      });
    }
    for (const token of this.#recipes.keys()) {
      if (!this.#builtins.has(token)) continue;
      problems.push({
        code: 'HALYARD_BOOT_PROVIDER',
        where: tokenName(token),
        reason: 'Halyard supplies it itself for each connection or HTTP request',
        fix: 'provide yours under another token',
      });
    }
    return problems;
  }

  /** Whether something provides the token, what the framework supplies included. */
  has(token: Token): boolean {
    return this.#find(token) !== undefined;
  }

  /** Whether the token, or what it depends on through transients, lives with a connection. */
  isScoped(token: Token): boolean {
    return pathToScoped(token, this.#find) !== undefined;
  }

  /**
   * Makes all singletons, one after the other, dependencies first; async factories are awaited. When one fails, those
   * already made are disposed.
   *
   * @throws {BootError} with what `check` finds
   * @throws {HalyardError} `HALYARD_BOOT` with the name of the provider that failed, and its error as `cause`
   */
  async build(): Promise<void> {
    this.#assertOpen('build');
    const problems = this.check();
    if (problems.length > 0) throw new BootError(problems);
    this.#state = 'building';
    for (const { token, scope, where } of inspectGraph(this.#recipes.keys(), this.#find).order) {
      if (scope !== 'singleton') continue;
      try {
        await this.#app.get(token);
      } catch (error) {
        const also = await this.dispose().then(
          () => undefined,
          (disposal: unknown) => disposal,
        );
        throw new HalyardError('BOOT', {
          message: `the app cannot start: ${where} failed: ${textOf(error)}`,
          cause: also === undefined ? error : new AggregateError([error, also], textOf(error)),
        });
      }
    }
    this.#state = 'built';
  }

  /**
   * A singleton, or a new transient. The transient, and the transients it was made with, belong to the caller: nobody else
   * keeps or disposes them.
   *
   * @throws {HalyardError} `HALYARD_PROVIDER_MISSING` where nothing provides it or it lives with a connection;
   * `HALYARD_APP_STATE` before `build`, after `dispose`, and where only `resolve` can wait for it
   */
  get<T>(token: Token<T>): T {
    this.#assertBuilt();
    const made = this.#callers.get(token);
    if (!isThenable(made)) return made;
    throw new HalyardError('APP_STATE', {
      message: `${tokenName(token)} is made asynchronously: \`await resolve()\` it`,
    });
  }

  /** As `get`, for a transient with an async factory and for an external container that answers with a promise. */
  async resolve<T>(token: Token<T>): Promise<T> {
    this.#assertBuilt();
    return this.#callers.get(token);
  }

  /**
   * A scope for one connection or HTTP request. `values` are asked at each `get`, so what the framework can only supply
   * later may be added later.
   *
   * @throws {HalyardError} `HALYARD_APP_STATE` before `build` and after `dispose`
   */
  createScope(values?: ReadonlyMap<Token, unknown>): HalyardScope {
    this.#assertBuilt();
    return new HalyardScope(this.#scopeParts, values);
  }

  /**
   * Disposes the singletons and what was made for them, the last one first, each awaited, whatever another one throws.
   * Scopes come before: they are their creator's to dispose.
   *
   * @throws {AggregateError} with all that was thrown
   */
  dispose(): Promise<void> {
    return this.#app.dispose();
  }

  readonly #find = (token: Token): Recipe | undefined => {
    if (this.#builtins.has(token)) return recipe('builtin', token, 'connection', [], () => undefined);
    const external = this.#external;
    if (!external?.has(token)) return this.#recipes.get(token);
    return external.isScoped?.(token)
      ? recipe('external', token, 'connection', [], (_args, scope) => scope().get(token))
      : recipe('external', token, 'transient', [], () => external.get(token));
  };

  #assertBuilt(): void {
    if (this.#state === 'built' && !this.#app.disposed) return;
    throw new HalyardError('APP_STATE', { message: 'providers are there once the app is built, until it is disposed' });
  }

  #assertOpen(what: string): void {
    if (this.#state === 'open') return;
    throw new HalyardError('APP_STATE', { message: `\`${what}\` comes before the app is built` });
  }
}
