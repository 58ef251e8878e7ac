/** One lifetime: it makes instances, keeps those that live as long as itself, and disposes what it made. */
import { HalyardError } from '../errors.js';
import { isThenable } from '../pipeline/maybe-promise.js';
import type { FindRecipe } from './graph.js';
import { tokenName, type ContainerScope, type Recipe, type Token } from './provider.js';

/** Whose lifetime it is. `caller`: nobody keeps or disposes what a direct `container.get` made. */
export type Lifetime = 'app' | 'connection' | 'caller';

export interface ScopeParts {
  readonly find: FindRecipe;
  readonly lifetime: Lifetime;
  /** Has the singletons. */
  readonly app?: HalyardScope;
  /** Opens the external container's part. Called only for tokens that it calls scoped. */
  readonly openExternal: () => ContainerScope;
}

/**
 * The instances of one connection or HTTP request.
 *
 * A connection-scoped provider has one instance here, also when it is asked for while its factory is still running; one
 * that failed is tried again. A transient is new each time and lives until the scope ends. Singletons are the app's.
 */
export class HalyardScope implements ContainerScope {
  readonly #parts: ScopeParts;
  /** What the framework supplies. */
  readonly #values: ReadonlyMap<Token, unknown> | undefined;
  readonly #kept = new Map<Token, unknown>();
  /** What to dispose, in order of creation, each with the name of its provider. */
  readonly #disposables = new Map<object, string>();
  readonly #pending = new Set<PromiseLike<unknown>>();
  #external: ContainerScope | undefined;
  #disposed: Promise<void> | undefined;

  /** @internal `container.createScope()` makes them. */
  constructor(parts: ScopeParts, values?: ReadonlyMap<Token, unknown>) {
    this.#parts = parts;
    this.#values = values;
  }

  get disposed(): boolean {
    return this.#disposed !== undefined;
  }

  /** Whether something provides the token, here or in the app. */
  has(token: Token): boolean {
    const recipe = this.#parts.find(token);
    return recipe !== undefined && (recipe.kind !== 'builtin' || this.#values?.has(token) === true);
  }

  /**
   * A promise where a factory on the way is async and has not finished before.
   *
   * @throws {HalyardError} `HALYARD_PROVIDER_MISSING`; `HALYARD_APP_STATE` once the scope has been disposed
   */
  get<T>(token: Token<T>): T | Promise<T>;
  get(token: Token): unknown {
    if (this.#disposed) throw this.#gone(token);
    const kept = this.#kept.get(token);
    if (kept !== undefined) return kept;
    const value = this.#values?.get(token);
    if (value !== undefined) return value;
    const { find, lifetime, app } = this.#parts;
    const recipe = find(token);
    if (!recipe) throw missing(token);
    if (recipe.scope === 'transient') return this.#make(recipe);
    if (recipe.scope === 'singleton' && app) return app.get(token);
    if (recipe.scope === 'connection' && lifetime !== 'connection') {
      throw missing(token, 'lives with a connection or HTTP request: ask its scope');
    }
    if (recipe.kind === 'builtin') throw missing(token, 'is not there in this scope, or not yet');
    // A provider may have made `undefined`.
    return this.#kept.has(token) ? undefined : this.#keep(recipe);
  }

  /**
   * Disposes what was made here, the last one first, each awaited, whatever another one throws. What is still being made
   * is waited for, and disposed with the rest. A second call returns the first one's promise.
   *
   * @throws {AggregateError} with all that was thrown
   */
  dispose(): Promise<void> {
    return (this.#disposed ??= this.#disposeAll());
  }

  #keep(recipe: Recipe): unknown {
    const { token } = recipe;
    const made = this.#make(recipe);
    this.#kept.set(token, made);
    if (isThenable(made)) {
      made.then(
        (instance) => this.#kept.set(token, instance),
        () => this.#kept.delete(token),
      );
    }
    return made;
  }

  #make(recipe: Recipe): unknown {
    const args = recipe.dependencies.map((token) => this.get(token));
    if (!args.some(isThenable)) return this.#create(recipe, args);
    return this.#watch(Promise.all(args).then((ready) => this.#create(recipe, ready)));
  }

  #create(recipe: Recipe, args: readonly unknown[]): unknown {
    if (this.#disposed) throw this.#gone(recipe.token);
    const made = recipe.create(args, () => this.#openExternal());
    if (!isThenable(made)) return this.#own(recipe, args, made);
    return this.#watch(
      Promise.resolve(made).then((instance) => {
        this.#own(recipe, args, instance);
        if (this.#disposed) throw this.#gone(recipe.token);
        return instance;
      }),
    );
  }

  /** A factory may hand on one of its dependencies: that has an owner already. */
  #own(recipe: Recipe, args: readonly unknown[], instance: unknown): unknown {
    const made = recipe.kind === 'class' || recipe.kind === 'factory';
    if (made && this.#parts.lifetime !== 'caller' && disposerOf(instance) && !args.includes(instance)) {
      this.#disposables.set(instance as object, tokenName(recipe.token));
    }
    return instance;
  }

  /** `dispose` waits for it; and its failure is no unhandled rejection when another dependency failed first. */
  #watch<T>(promise: Promise<T>): Promise<T> {
    const settled = (): boolean => this.#pending.delete(promise);
    this.#pending.add(promise);
    promise.then(settled, settled);
    return promise;
  }

  #openExternal(): ContainerScope {
    if (!this.#external) {
      const external = this.#parts.openExternal();
      this.#disposables.set({ [Symbol.asyncDispose]: async () => external.dispose() }, 'the external scope');
      this.#external = external;
    }
    return this.#external;
  }

  async #disposeAll(): Promise<void> {
    await Promise.allSettled(this.#pending);
    const errors: unknown[] = [];
    const names: string[] = [];
    for (const [instance, name] of [...this.#disposables].reverse()) {
      try {
        await disposerOf(instance)?.call(instance);
      } catch (error) {
        errors.push(error);
        names.push(name);
      }
    }
    this.#disposables.clear();
    this.#kept.clear();
    if (errors.length > 0) throw new AggregateError(errors, `could not be disposed: ${names.join(', ')}`);
  }

  #gone(token: Token): HalyardError {
    const whose = this.#parts.lifetime === 'connection' ? 'the scope of its connection or HTTP request' : 'the app';
    return new HalyardError('APP_STATE', { message: `${tokenName(token)}: ${whose} has been disposed` });
  }
}

function missing(token: Token, what = 'is provided by nothing'): HalyardError {
  return new HalyardError('PROVIDER_MISSING', { message: `${tokenName(token)} ${what}` });
}

function disposerOf(instance: unknown): (() => unknown) | undefined {
  if ((typeof instance !== 'object' && typeof instance !== 'function') || instance === null) return undefined;
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = instance as Partial<AsyncDisposable & Disposable>;
  return later ?? now;
}
