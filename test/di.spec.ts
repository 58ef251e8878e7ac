import { setImmediate as macrotask } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Controller, Injectable } from '#internal/decorators/class.js';
import { Inject, Query } from '#internal/decorators/params.js';
import { HalyardContainer, type ContainerOptions } from '#internal/di/container.js';
import type { Container, ContainerScope, Provider, Token } from '#internal/di/provider.js';
import { BootError, type BootProblem } from '#internal/errors.js';

const DB = Symbol('DB');

/** Stands for what the framework supplies in each scope. */
class Connection {
  constructor(readonly id = 1) {}
}

@Injectable()
class Store {}

@Injectable({ scope: 'connection' })
class Session {
  constructor(readonly store: Store) {}
}

@Injectable({ scope: 'transient' })
class Cursor {
  constructor(readonly session: Session) {}
}

function containerOf(providers: readonly unknown[], options: ContainerOptions = {}): HalyardContainer {
  const container = new HalyardContainer({ builtins: new Set<Token>([Connection]), ...options });
  for (const provider of providers) container.register(provider as Provider);
  return container;
}

async function built(providers: readonly unknown[], options?: ContainerOptions): Promise<HalyardContainer> {
  const container = containerOf(providers, options);
  await container.build();
  return container;
}

function check(...providers: unknown[]): BootProblem[] {
  return containerOf(providers).check();
}

/** A provider whose instances write down when they are made and disposed. */
function logged(
  log: string[],
  provide: string,
  options: { inject?: Token[]; scope?: 'connection' | 'transient' } = {},
) {
  const useFactory = (): AsyncDisposable => {
    log.push(`+${provide}`);
    return {
      async [Symbol.asyncDispose]() {
        await macrotask();
        log.push(`-${provide}`);
      },
    };
  };
  return { provide, useFactory, ...options };
}

function unreachable(): never {
  throw new Error('this is never called');
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe('what is checked before anything is made', () => {
  it('a graph in which everything is there has no problems', () => {
    expect(check(Store, Session, Cursor, { provide: DB, useFactory: (_store: Store) => 1, inject: [Store] })).toEqual(
      [],
    );
  });

  it('a missing class is named with the parameter and how to register it', () => {
    @Injectable()
    class Rooms {
      constructor(
        readonly session: Store,
        readonly missing: Session,
      ) {}
    }
    expect(check(Store, Rooms)).toEqual([
      {
        code: 'HALYARD_BOOT_PROVIDER',
        where: 'Rooms.constructor',
        parameter: 1,
        reason: 'nothing provides Session',
        fix: 'register it: `providers: [Session]`',
      },
    ]);
  });

  it('a missing name is named with the place in `inject` and how to register it', () => {
    const [problem] = check(Store, { provide: 'rooms', useFactory: () => 1, inject: [Store, DB] });
    expect(problem).toMatchObject({
      where: "useFactory of 'rooms'",
      parameter: 1,
      reason: 'nothing provides Symbol(DB)',
      fix: 'register it: `providers: [{ provide: Symbol(DB), useValue: … }]`',
    });
  });

  it('an alias of nothing is reported', () => {
    expect(check({ provide: DB, useExisting: 'db' })).toMatchObject([
      { where: 'useExisting of Symbol(DB)', parameter: undefined, reason: "nothing provides 'db'" },
    ]);
  });

  it('an interface, a union and a scalar name no provider, and `@Inject` is the fix', () => {
    interface Clock {
      now(): number;
    }
    @Injectable()
    class Rooms {
      constructor(
        readonly clock: Clock,
        readonly store: Store | null,
        readonly url: string,
      ) {}
    }
    const problems = check(Store, Rooms);
    expect(problems.map(({ parameter }) => parameter)).toEqual([0, 1, 2]);
    expect(problems[0]).toMatchObject({
      code: 'HALYARD_BOOT_PROVIDER',
      reason: expect.stringMatching(/^its emitted type is Object, .* interface, .*`import type`.* circular import/),
      fix: expect.stringContaining('@Inject(TOKEN)'),
    });
    expect(problems[2]?.reason).toMatch(/^its emitted type is String/);
  });

  it('a type that was undefined because of a circular import is reported with this cause', () => {
    interface Late {
      name: string;
    }
    // As a class of a module that has not run yet: the compiler emits a reference to a variable that is still undefined.
    // oxlint-disable-next-line prefer-const
    let Late: new () => Late;
    @Injectable()
    class Early {
      constructor(readonly late: Late) {}
    }
    Late = class {
      name = 'late';
    };
    expect(check(Early, Late)).toMatchObject([
      {
        code: 'HALYARD_BOOT_PROVIDER',
        where: 'Early.constructor',
        parameter: 0,
        reason: expect.stringMatching(/undefined .*circular import/),
        fix: expect.stringContaining('@Inject(TOKEN)'),
      },
    ]);
  });

  it('`undefined` in `@Inject`, in `inject` and in `useExisting` is the same trap', () => {
    @Injectable()
    class Early {
      constructor(@Inject(undefined) readonly late: Store) {}
    }
    const problems = check(
      Early,
      { provide: 'a', useFactory: () => 1, inject: [undefined] },
      { provide: 'b', useExisting: undefined },
    );
    expect(problems.map(({ reason }) => reason.includes('circular import'))).toEqual([true, true, true]);
  });

  it('a provider that is undefined, or does not say how it is provided, is a problem and no TypeError', () => {
    const problems = check(
      undefined,
      null,
      { provide: undefined, useValue: 1 },
      { provide: 'a' },
      { provide: 'b', useClass: undefined },
      { provide: 'c', useFactory: 'c' },
    );
    expect(problems.map(({ code, where }) => [code, where])).toEqual([
      ['HALYARD_BOOT_PROVIDER', 'providers'],
      ['HALYARD_BOOT_PROVIDER', 'providers'],
      ['HALYARD_BOOT_PROVIDER', 'providers'],
      ['HALYARD_BOOT_PROVIDER', "'a'"],
      ['HALYARD_BOOT_PROVIDER', "'b'"],
      ['HALYARD_BOOT_PROVIDER', "'c'"],
    ]);
    expect(problems[0]?.fix).toContain('import that goes round in a circle');
  });

  it('a class without decorators, or built without metadata, is told that no types were emitted', () => {
    class Bare {
      constructor(
        readonly store: Store,
        readonly session: Session,
      ) {}
    }
    expect(check(Store, Session, Bare)).toMatchObject([
      { where: 'Bare.constructor', parameter: 0, fix: expect.stringMatching(/`@Injectable\(\)`.*esbuild/) },
      { where: 'Bare.constructor', parameter: 1, reason: 'the build emitted no type for it' },
    ]);
  });

  it('a class without a constructor, built without metadata, is told of the parameter of its base class', () => {
    class Bare {
      constructor(
        readonly session: Session,
        readonly store: Store,
      ) {}
    }
    Inject(Store)(Bare, undefined, 1);
    class Derived extends Bare {}
    expect(check(Store, Derived)).toMatchObject([
      { where: 'Derived.constructor', parameter: 0, reason: 'the build emitted no type for it' },
    ]);
  });

  it("what binds an endpoint's parameter provides nothing to a constructor", () => {
    @Injectable()
    class Rooms {
      constructor(@Query('room') readonly room: string) {}
    }
    expect(check(Rooms, { provide: 'room', useValue: 1 })).toMatchObject([
      { parameter: 0, reason: expect.stringMatching(/^its emitted type is String/) },
    ]);
  });

  it('`@Inject` alone is enough where no types were emitted', async () => {
    class Bare {
      constructor(readonly store: Store) {}
    }
    Inject(Store)(Bare, undefined, 0); // what esbuild leaves of `@Inject(Store) store: Store`
    const container = await built([Store, Bare]);
    expect(container.get(Bare).store).toBe(container.get(Store));
  });

  it('`@Inject` goes before the emitted type', async () => {
    @Injectable()
    class Rooms {
      constructor(
        @Inject(DB) readonly db: Store,
        readonly store: Store,
      ) {}
    }
    const other = new Store();
    const rooms = (await built([Store, Rooms, { provide: DB, useValue: other }])).get(Rooms);
    expect(rooms.db).toBe(other);
    expect(rooms.store).not.toBe(other);
  });

  it('a class without a constructor takes the parameters of its base class', async () => {
    @Injectable()
    class Base {
      constructor(
        readonly store: Store,
        @Inject(DB) readonly db: number,
      ) {}
    }
    @Injectable()
    class Decorated extends Base {}
    class Undecorated extends Base {}
    const container = await built([Store, { provide: DB, useValue: 7 }, Decorated, Undecorated]);
    for (const type of [Decorated, Undecorated]) {
      expect(container.get<Base>(type)).toMatchObject({ store: container.get(Store), db: 7 });
    }
  });

  it('a constructor of its own on a class without decorators is not given the types of the base class', () => {
    @Injectable()
    class Base {
      constructor(@Inject(Store) readonly store: Store) {}
    }
    class Derived extends Base {
      constructor(readonly session: Session) {
        super(session.store);
      }
    }
    expect(check(Store, Session, Derived)).toMatchObject([
      { where: 'Derived.constructor', parameter: 0, reason: 'the build emitted no type for it' },
    ]);
  });

  it('a decorated constructor without parameters takes none of its base class', async () => {
    @Injectable()
    class Base {
      constructor(readonly store: Store | undefined) {}
    }
    @Injectable()
    class Derived extends Base {
      constructor() {
        super(undefined);
      }
    }
    expect((await built([Derived])).get(Derived).store).toBeUndefined();
  });

  it('a circle is spelled out, once', () => {
    const circle = check(
      { provide: 'A', useFactory: () => 1, inject: ['B'] },
      { provide: 'B', useFactory: () => 1, inject: [Store, 'C'] },
      Store,
      { provide: 'C', useExisting: 'A' },
      { provide: 'outside', useFactory: () => 1, inject: ['B'] },
    );
    expect(circle).toMatchObject([
      { code: 'HALYARD_BOOT_CYCLE', where: "useFactory of 'A'", reason: "'A' → 'B' → 'C' → 'A'" },
    ]);
  });

  it('a circle is found wherever one enters it, between connection-scoped providers, and of one alone', () => {
    const scope = 'connection';
    const circles = check(
      { provide: 'in', useFactory: () => 1, inject: ['A'] },
      { provide: 'A', useFactory: () => 1, inject: ['B', 'C'], scope: 'transient' },
      { provide: 'B', useFactory: () => 1, inject: ['A'], scope: 'transient' },
      { provide: 'C', useFactory: () => 1, inject: ['C'], scope },
    ).filter(({ code }) => code === 'HALYARD_BOOT_CYCLE');
    expect(circles.map(({ reason }) => reason)).toEqual(["'A' → 'B' → 'A'", "'C' → 'C'"]);
  });

  it('a singleton that needs a connection-scoped provider cannot start', () => {
    @Injectable()
    class Rooms {
      constructor(
        readonly store: Store,
        readonly session: Session,
      ) {}
    }
    expect(check(Store, Session, Rooms)).toEqual([
      {
        code: 'HALYARD_BOOT_SCOPE',
        where: 'Rooms.constructor',
        parameter: 1,
        reason: 'a singleton would keep Session, which lives with one connection or HTTP request: Rooms → Session',
        fix: "give Rooms `scope: 'connection'` too, or hand the value to its methods",
      },
    ]);
  });

  it('a singleton that needs one through transients and aliases cannot start, and is shown the way', () => {
    const problems = check(
      Store,
      Session,
      Cursor,
      { provide: 'cursor', useExisting: Cursor },
      { provide: 'rooms', useFactory: () => 1, inject: ['cursor'] },
      { provide: 'lobby', useFactory: () => 1, inject: ['rooms'] },
    );
    expect(problems).toMatchObject([
      { code: 'HALYARD_BOOT_SCOPE', reason: expect.stringContaining("'rooms' → 'cursor' → Cursor → Session") },
    ]);
  });

  it('what the framework supplies in each scope lives with the connection', () => {
    @Injectable()
    class Rooms {
      constructor(readonly connection: Connection) {}
    }
    expect(check(Rooms)).toMatchObject([{ code: 'HALYARD_BOOT_SCOPE', where: 'Rooms.constructor', parameter: 0 }]);
    expect(check({ provide: Rooms, useClass: Rooms, scope: 'connection' })).toEqual([]);
  });

  it('a provider for what the framework supplies is refused', () => {
    expect(check({ provide: Connection, useValue: new Connection() })).toMatchObject([
      { code: 'HALYARD_BOOT_PROVIDER', where: 'Connection', fix: 'provide yours under another token' },
    ]);
  });

  it('all problems are reported at once', () => {
    const problems = check(
      Session,
      { provide: 'A', useFactory: () => 1, inject: ['A', 'nowhere', Session] },
      { provide: 'B' },
    );
    expect(problems.map(({ code }) => code).sort()).toEqual([
      'HALYARD_BOOT_CYCLE',
      'HALYARD_BOOT_PROVIDER',
      'HALYARD_BOOT_PROVIDER',
      'HALYARD_BOOT_PROVIDER',
      'HALYARD_BOOT_SCOPE',
    ]);
  });

  it('a token is scoped when it, or what it needs through transients, lives with a connection', () => {
    const container = containerOf([
      Store,
      Session,
      Cursor,
      { provide: 'alias', useExisting: Session },
      { provide: 'plain', useFactory: () => 1, inject: [Store], scope: 'transient' },
      { provide: 'value', useValue: 1 },
    ]);
    const scoped = [Store, Session, Cursor, Connection, 'alias', 'plain', 'value', 'nowhere'].filter((token) =>
      container.isScoped(token),
    );
    expect(scoped).toEqual([Session, Cursor, Connection, 'alias']);
  });

  it('a controller says in its own options that it lives with a connection', () => {
    @Controller('a', { scope: 'connection' })
    class PerConnection {}
    @Controller('b')
    class Shared {}
    const container = containerOf([]);
    container.registerSelf(PerConnection);
    container.registerSelf(Shared);
    expect([container.isScoped(PerConnection), container.isScoped(Shared)]).toEqual([true, false]);
  });
});

describe('what is registered', () => {
  it('a later provider of a token replaces the earlier one, as a test does', async () => {
    const container = await built([
      { provide: Store, useFactory: () => unreachable() },
      { provide: Store, useValue: 'fake' },
    ]);
    expect(container.get<unknown>(Store)).toBe('fake');
  });

  it('a controller or component that registers itself replaces nothing, and is replaced', async () => {
    const container = containerOf([{ provide: Store, useValue: 'registered' }]);
    container.registerSelf(Store);
    container.registerSelf(Session);
    container.register({ provide: Session, useValue: 'replaced' });
    await container.build();
    expect([container.get<unknown>(Store), container.get<unknown>(Session)]).toEqual(['registered', 'replaced']);
  });

  it('a component that nobody registered is one instance, for those who depend on it too', async () => {
    class Guard {}
    @Injectable()
    class Rooms {
      constructor(readonly guard: Guard) {}
    }
    const container = containerOf([Rooms]);
    container.registerSelf(Guard);
    container.registerSelf(Guard);
    await container.build();
    expect(container.get(Guard)).toBe(container.get(Guard));
    expect(container.get(Rooms).guard).toBe(container.get(Guard));
    expect(container.createScope().get(Guard)).toBe(container.get(Guard));
  });

  it('a class under another token keeps the scope of its decorator, unless the provider says another', async () => {
    const container = await built([
      Store,
      { provide: 'session', useClass: Session },
      { provide: 'shared', useClass: Session, scope: 'singleton' },
    ]);
    expect([container.isScoped('session'), container.isScoped('shared')]).toEqual([true, false]);
    expect(container.get('shared')).toBeInstanceOf(Session);
  });

  it('registering after the build is refused', async () => {
    const container = await built([]);
    expect(() => container.register(Store)).toThrow(expect.objectContaining({ code: 'HALYARD_APP_STATE' }));
    await expect(container.build()).rejects.toMatchObject({ code: 'HALYARD_APP_STATE' });
  });
});

describe('building', () => {
  it('singletons are made once, dependencies first, async factories awaited one after the other', async () => {
    const log: string[] = [];
    const slow = (name: string, ...inject: string[]) => ({
      provide: name,
      inject,
      useFactory: async (...args: string[]) => {
        log.push(`${name}(${args.join()})`);
        await macrotask();
        log.push(`${name}.`);
        return name;
      },
    });
    const container = await built([
      slow('app', 'db', 'log'),
      slow('db', 'config'),
      slow('log', 'config'),
      slow('config'),
    ]);
    expect(log).toEqual(['config()', 'config.', 'db(config)', 'db.', 'log(config)', 'log.', 'app(db,log)', 'app.']);
    expect(container.get('app')).toBe('app');
  });

  it('with mistakes in the graph nothing is made', async () => {
    const log: string[] = [];
    const container = containerOf([logged(log, 'A'), { provide: 'B', useExisting: 'nowhere' }]);
    const error = await container.build().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BootError);
    expect((error as BootError).problems).toEqual(container.check());
    expect(log).toEqual([]);
  });

  it('a factory that fails is named, and what was made before it is disposed, last first', async () => {
    const log: string[] = [];
    const refused = new Error('refused');
    const container = containerOf([
      logged(log, 'A'),
      logged(log, 'B'),
      { provide: 'late', useFactory: () => log.push('late'), inject: [DB] },
      { provide: DB, useFactory: () => Promise.reject(refused) },
    ]);
    await expect(container.build()).rejects.toMatchObject({
      code: 'HALYARD_BOOT',
      message: 'the app cannot start: useFactory of Symbol(DB) failed: refused',
      cause: refused,
    });
    expect(log).toEqual(['+A', '+B', '-B', '-A']);
  });

  it('a constructor that throws is named, and a disposal that fails as well is told with it', async () => {
    const [broken, stuck] = [new Error('broken'), new Error('stuck')];
    class Bad {
      constructor() {
        throw broken;
      }
    }
    const dispose = () => {
      throw stuck;
    };
    const error: Error = await built([{ provide: 'A', useFactory: () => ({ [Symbol.dispose]: dispose }) }, Bad]).then(
      () => unreachable(),
      (thrown: unknown) => thrown as Error,
    );
    expect(error.message).toBe('the app cannot start: Bad.constructor failed: broken');
    expect(error.cause).toMatchObject({ errors: [broken, { errors: [stuck], message: "could not be disposed: 'A'" }] });
  });

  it('an app that is disposed while it is built leaks nothing and does not start', async () => {
    const log: string[] = [];
    const gate = deferred<AsyncDisposable>();
    const container = containerOf([
      logged(log, 'A'),
      { provide: DB, useFactory: () => gate.promise },
      logged(log, 'never'),
    ]);
    const building = container.build();
    await macrotask();
    const disposed = container.dispose();
    gate.resolve(logged(log, 'DB').useFactory());
    await expect(building).rejects.toMatchObject({ code: 'HALYARD_BOOT' });
    await disposed;
    expect(log).toEqual(['+A', '+DB', '-DB', '-A']);
  });

  it('what nothing provides is named when it is asked for', async () => {
    const container = await built([Session, Store]);
    const missing = (message: string) => expect.objectContaining({ code: 'HALYARD_PROVIDER_MISSING', message });
    expect(() => container.get(Cursor)).toThrow(missing('Cursor is provided by nothing'));
    expect(() => container.get('db')).toThrow(missing("'db' is provided by nothing"));
    expect(() => container.createScope().get(DB)).toThrow(missing('Symbol(DB) is provided by nothing'));
    expect(() => container.get(Session)).toThrow(
      missing('Session lives with a connection or HTTP request: ask its scope'),
    );
    expect([container.has(Store), container.has(Cursor), container.has(Connection)]).toEqual([true, false, true]);
  });

  it('before the build and after the disposal nothing is given', async () => {
    const container = containerOf([Store, { provide: DB, useFactory: () => 1, scope: 'transient' }]);
    const refused = expect.objectContaining({ code: 'HALYARD_APP_STATE' });
    const ask = async () => {
      expect(() => container.get(Store)).toThrow(refused);
      expect(() => container.get(DB)).toThrow(refused);
      expect(() => container.createScope()).toThrow(refused);
      await expect(container.resolve(Store)).rejects.toEqual(refused);
    };
    await ask();
    await container.build();
    expect(container.get(Store)).toBeInstanceOf(Store);
    await container.dispose();
    await ask();
  });

  it('a transient with an async factory is resolved, not got', async () => {
    const container = await built([
      { provide: DB, useFactory: () => Promise.resolve(7), scope: 'transient' },
      { provide: 'uses', useFactory: (n: number) => n + 1, inject: [DB], scope: 'transient' },
    ]);
    expect(() => container.get('uses')).toThrow(/^'uses' is made asynchronously/);
    await expect(container.resolve('uses')).resolves.toBe(8);
  });
});

describe('a scope', () => {
  it('has one instance of a connection-scoped provider, and another scope has another', async () => {
    const container = await built([Store, Session, Cursor]);
    const [one, two] = [container.createScope(), container.createScope()];
    expect(one.get(Session)).toBeInstanceOf(Session);
    expect(one.get(Session)).toBe(one.get(Session));
    expect(one.get(Session)).not.toBe(two.get(Session));
    expect((one.get(Cursor) as Cursor).session).toBe(one.get(Session));
  });

  it('makes transients new each time', async () => {
    const scope = (await built([Store, Session, Cursor])).createScope();
    expect(scope.get(Cursor)).not.toBe(scope.get(Cursor));
  });

  it('makes what it is asked for, and nothing else', async () => {
    const log: string[] = [];
    const scope = (await built([logged(log, 'A', { scope: 'connection' })])).createScope();
    await scope.dispose();
    expect(log).toEqual([]);
  });

  it('takes singletons from the app: one first asked for through a scope keeps nothing of it and outlives it', async () => {
    const log: string[] = [];
    const container = await built([Session, { ...logged(log, 'single'), provide: Store }]);
    const [one, two] = [container.createScope(), container.createScope()];
    const store = one.get(Store);
    expect((one.get(Session) as Session).store).toBe(store);
    await one.dispose();
    expect(log).toEqual(['+single']);
    expect(two.get(Store)).toBe(store);
    await container.dispose();
    expect(log).toEqual(['+single', '-single']);
  });

  it('gives those who ask at the same time one promise, and then the instance itself', async () => {
    let made = 0;
    const container = await built([
      { provide: DB, useFactory: async () => ({ n: (await macrotask(), ++made) }), scope: 'connection' },
      { provide: 'uses', useFactory: (db: object) => ({ db }), inject: [DB], scope: 'connection' },
    ]);
    const scope = container.createScope();
    const first = scope.get(DB);
    expect(first).toBeInstanceOf(Promise);
    expect(scope.get(DB)).toBe(first);
    const uses = await scope.get<{ db: unknown }>('uses');
    expect(scope.get(DB)).toBe(await first);
    expect(uses.db).toBe(await first);
    expect(made).toBe(1);
  });

  it.each([[undefined], [null], [0], [false], ['']])('makes %p once', async (value) => {
    let made = 0;
    const provider = { provide: DB, useFactory: () => (made++ ? 'again' : value), scope: 'connection' };
    const scope = (await built([provider])).createScope();
    expect([scope.get(DB), scope.get(DB), made]).toEqual([value, value, 1]);
  });

  it('asks a factory that failed again, and gives its error to whom asked, unaltered', async () => {
    const busy = new Error('busy');
    let calls = 0;
    const provider = {
      provide: DB,
      useFactory: async () => {
        await macrotask();
        if (++calls === 1) throw busy;
        return 'up';
      },
      scope: 'connection',
    };
    const sync = {
      provide: 'sync',
      useFactory: () => {
        throw busy;
      },
      scope: 'connection',
    };
    const scope = (await built([provider, sync])).createScope();
    const [one, two] = await Promise.allSettled([scope.get(DB), scope.get(DB)]);
    expect([one, two]).toEqual([
      { status: 'rejected', reason: busy },
      { status: 'rejected', reason: busy },
    ]);
    expect(await scope.get(DB)).toBe('up');
    expect(() => scope.get('sync')).toThrow(busy);
  });

  it('leaves no rejection unhandled when one dependency throws while another is still being made', async () => {
    const unhandled: unknown[] = [];
    const listen = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', listen);
    try {
      const container = await built([
        {
          provide: 'slow',
          useFactory: async () => Promise.reject(new Error('slow')),
          scope: 'transient',
        },
        {
          provide: 'now',
          useFactory: () => {
            throw new Error('now');
          },
          scope: 'connection',
        },
        { provide: 'both', useFactory: () => 1, inject: ['slow', 'now'], scope: 'connection' },
      ]);
      expect(() => container.createScope().get('both')).toThrow('now');
      await macrotask();
      await macrotask();
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', listen);
    }
  });

  it('supplies what the framework puts into it, also later', async () => {
    const uses = { provide: 'uses', useFactory: (c: Connection) => c.id, inject: [Connection], scope: 'connection' };
    const values = new Map<Token, unknown>();
    const scope = (await built([uses])).createScope(values);
    expect(scope.has(Connection)).toBe(false);
    expect(() => scope.get('uses')).toThrow(
      expect.objectContaining({
        code: 'HALYARD_PROVIDER_MISSING',
        message: 'Connection is not there in this scope, or not yet',
      }),
    );
    values.set(Connection, new Connection(7));
    expect([scope.has(Connection), scope.has('uses'), scope.has('nowhere')]).toEqual([true, true, false]);
    expect(scope.get('uses')).toBe(7);
  });

  it('never disposes what the framework put into it', async () => {
    const log: string[] = [];
    const connection = logged(log, 'connection').useFactory();
    const container = await built([{ provide: 'alias', useExisting: Connection }]);
    const scope = container.createScope(new Map<Token, unknown>([[Connection, connection]]));
    expect(scope.get('alias')).toBe(connection);
    await scope.dispose();
    expect(log).toEqual(['+connection']);
  });
});

describe('disposal', () => {
  it('goes in reverse order of creation, each awaited before the next', async () => {
    const log: string[] = [];
    const scope = 'connection';
    const container = await built([
      logged(log, 'A', { inject: ['B', 'C'], scope }),
      logged(log, 'B', { inject: ['D'], scope }),
      logged(log, 'C', { inject: ['D'], scope }),
      logged(log, 'D', { scope }),
    ]);
    const one = container.createScope();
    one.get('A');
    await one.dispose();
    expect(log).toEqual(['+D', '+B', '+C', '+A', '-A', '-C', '-B', '-D']);
  });

  it('of the app does the same with singletons', async () => {
    const log: string[] = [];
    const container = await built([logged(log, 'A', { inject: ['C'] }), logged(log, 'B'), logged(log, 'C')]);
    await container.dispose();
    expect(log).toEqual(['+C', '+A', '+B', '-B', '-A', '-C']);
  });

  it('goes on when one throws, and tells all errors with the names of the providers', async () => {
    const log: string[] = [];
    const failing = (provide: string, dispose: () => unknown) => ({
      provide,
      useFactory: () => ({ [Symbol.asyncDispose]: dispose }),
      scope: 'connection',
    });
    const [one, two] = [new Error('one'), new Error('two')];
    const container = await built([
      logged(log, 'A', { scope: 'connection' }),
      failing('B', () => Promise.reject(one)),
      failing('C', () => {
        throw two;
      }),
    ]);
    const scope = container.createScope();
    for (const token of ['A', 'B', 'C']) scope.get(token);
    const error: unknown = await scope.dispose().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AggregateError);
    expect(error).toMatchObject({ errors: [two, one], message: "could not be disposed: 'C', 'B'" });
    expect(log).toEqual(['+A', '-A']);
  });

  it('happens once, however often it is asked for', async () => {
    const log: string[] = [];
    const scope = (await built([logged(log, 'A', { scope: 'connection' })])).createScope();
    scope.get('A');
    await Promise.all([scope.dispose(), scope.dispose()]);
    await scope.dispose();
    expect(log).toEqual(['+A', '-A']);
  });

  it('waits for what is still being made and disposes it too; what waited for it is not made', async () => {
    const log: string[] = [];
    const gate = deferred<AsyncDisposable>();
    const container = await built([
      logged(log, 'early', { scope: 'connection' }),
      { provide: DB, useFactory: () => gate.promise, scope: 'connection' },
      logged(log, 'never', { inject: [DB], scope: 'connection' }),
    ]);
    const scope = container.createScope();
    scope.get('early');
    const [slow, dependent] = [scope.get(DB), scope.get('never')];
    const disposed = scope.dispose();
    const gone = { code: 'HALYARD_APP_STATE', message: expect.stringMatching(/scope .* has been disposed$/) };
    expect(() => scope.get('early')).toThrow(expect.objectContaining(gone));
    await macrotask();
    expect(log).toEqual(['+early']);
    gate.resolve(logged(log, 'DB').useFactory());
    await expect(slow).rejects.toMatchObject(gone);
    await expect(dependent).rejects.toMatchObject(gone);
    await disposed;
    expect(log).toEqual(['+early', '+DB', '-DB', '-early']);
  });

  it('waits for what is still being made when that fails, without an error of its own', async () => {
    const log: string[] = [];
    const gate = deferred<never>();
    const container = await built([
      logged(log, 'early', { scope: 'connection' }),
      { provide: DB, useFactory: () => gate.promise, scope: 'connection' },
    ]);
    const scope = container.createScope();
    scope.get('early');
    const slow = scope.get(DB) as Promise<never>;
    const disposed = scope.dispose();
    gate.reject(new Error('refused'));
    await expect(slow).rejects.toThrow('refused');
    await disposed;
    expect(log).toEqual(['+early', '-early']);
  });

  it('calls `Symbol.asyncDispose` where there is one, else `Symbol.dispose`, with the instance as `this`', async () => {
    const log: unknown[] = [];
    class Sync implements Disposable {
      [Symbol.dispose](): void {
        log.push(this);
      }
    }
    class Both extends Sync implements AsyncDisposable {
      async [Symbol.asyncDispose](): Promise<void> {
        log.push('async');
      }
    }
    const container = await built([Sync, Both]);
    const sync = container.get(Sync);
    await container.dispose();
    expect(log).toEqual(['async', sync]);
  });

  it('never touches values, and an alias is not disposed twice', async () => {
    const log: string[] = [];
    const container = await built([
      { provide: 'value', useValue: logged(log, 'value').useFactory() },
      logged(log, 'A'),
      { provide: 'alias', useExisting: 'A' },
      { provide: 'alias of a value', useExisting: 'value' },
      { provide: 'needs', useFactory: () => 1, inject: ['alias', 'value'] },
    ]);
    const scope = container.createScope();
    for (const token of ['alias', 'alias of a value']) expect(scope.get(token)).toBe(container.get(token));
    await scope.dispose();
    expect(log).toEqual(['+value', '+A']);
    await container.dispose();
    expect(log).toEqual(['+value', '+A', '-A']);
  });

  it('of a scope leaves a singleton that a scoped factory hands on', async () => {
    const log: string[] = [];
    const container = await built([
      logged(log, 'pool'),
      { provide: 'db', useFactory: (pool: unknown) => pool, inject: ['pool'], scope: 'connection' },
      { provide: 'db later', useFactory: async (pool: unknown) => pool, inject: ['pool'], scope: 'connection' },
    ]);
    const scope = container.createScope();
    expect(scope.get('db')).toBe(await scope.get('db later'));
    await scope.dispose();
    expect(log).toEqual(['+pool']);
  });

  it('of an instance that two tokens of one scope gave happens once', async () => {
    const log: string[] = [];
    const shared = logged(log, 'shared').useFactory();
    const provide = (token: string) => ({ provide: token, useFactory: () => shared, scope: 'connection' });
    const scope = (await built([provide('a'), provide('b')])).createScope();
    scope.get('a');
    scope.get('b');
    await scope.dispose();
    expect(log).toEqual(['+shared', '-shared']);
  });
});

describe('disposable transients', () => {
  it('that were made in a scope are disposed with it', async () => {
    const log: string[] = [];
    const container = await built([
      logged(log, 'T', { scope: 'transient' }),
      { provide: 'S', useFactory: () => 1, inject: ['T'], scope: 'connection' },
    ]);
    const scope = container.createScope();
    scope.get('S');
    scope.get('T');
    await scope.dispose();
    await container.dispose();
    expect(log).toEqual(['+T', '+T', '-T', '-T']);
  });

  it('that were made for a singleton are disposed with the app', async () => {
    const log: string[] = [];
    const container = await built([logged(log, 'T', { scope: 'transient' }), logged(log, 'S', { inject: ['T'] })]);
    await container.createScope().dispose();
    expect(log).toEqual(['+T', '+S']);
    await container.dispose();
    expect(log).toEqual(['+T', '+S', '-S', '-T']);
  });

  it('that were got from the container belong to the caller', async () => {
    const log: string[] = [];
    const container = await built([
      logged(log, 'T', { scope: 'transient' }),
      logged(log, 'U', { inject: ['T'], scope: 'transient' }),
    ]);
    container.get('U');
    await container.resolve('U');
    await container.dispose();
    expect(log).toEqual(['+T', '+U', '+T', '+U']);
  });

  it('are not kept: neither one that the caller dropped, nor one whose scope has ended', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const container = await built([logged([], 'T', { scope: 'transient' })]);
    const scope = container.createScope();
    const refs = [new WeakRef(container.get<object>('T')), new WeakRef(await scope.get<object>('T'))];
    await scope.dispose();
    // A WeakRef holds its target until the job that made it has ended.
    for (let attempt = 0; attempt < 20 && refs.some((ref) => ref.deref()); attempt++) {
      await macrotask();
      collectGarbage();
    }
    expect(refs.map((ref) => ref.deref())).toEqual([undefined, undefined]);
    expect([container.get('T'), scope.disposed]).toEqual([expect.any(Object), true]);
  });
});

describe("a user's own container", () => {
  class Foreign {}

  /** What a few lines around another container come to. */
  class OtherContainer implements Container {
    readonly log: string[] = [];
    readonly single = { [Symbol.dispose]: () => this.log.push('single disposed') };

    has(token: Token): boolean {
      return ['single', 'later', 'scoped', Foreign].includes(token as string);
    }
    get<T>(token: Token<T>): T | Promise<T> {
      if (token === 'scoped') throw new Error('asked outside of a scope');
      return (
        token === 'later' ? Promise.resolve('later') : (token as Token) === Foreign ? new Foreign() : this.single
      ) as T;
    }
    isScoped(token: Token): boolean {
      return token === 'scoped';
    }
    createScope(): ContainerScope {
      this.log.push('open');
      let made = 0;
      return {
        has: (token) => this.has(token),
        get: <T>(token: Token<T>): T => {
          this.log.push(`made ${++made}`);
          return { token, [Symbol.dispose]: () => this.log.push('scoped disposed') } as T;
        },
        dispose: async () => {
          await macrotask();
          this.log.push('closed');
        },
      };
    }
  }

  it('is asked first, so that a controller or component may come from it', async () => {
    const external = new OtherContainer();
    const container = await built([{ provide: 'single', useFactory: () => unreachable() }], { external });
    expect(container.get('single')).toBe(external.single);

    // The dependencies of what it has are its own affair.
    @Injectable()
    class Unreachable {
      constructor(readonly missing: string) {}
    }
    class Shadowing extends OtherContainer {
      override has = (token: Token) => token === Unreachable;
      override get = <T>() => 'theirs' as T;
    }
    const shadowed = containerOf([], { external: new Shadowing() });
    shadowed.registerSelf(Unreachable);
    await shadowed.build();
    expect(shadowed.get<unknown>(Unreachable)).toBe('theirs');
  });

  it('may answer with a promise', async () => {
    const container = await built([{ provide: 'uses', useFactory: (s: string) => `${s}!`, inject: ['later'] }], {
      external: new OtherContainer(),
    });
    expect(container.get('uses')).toBe('later!');
    expect(() => container.get('later')).toThrow('made asynchronously');
    await expect(container.resolve('later')).resolves.toBe('later');
    await expect(container.createScope().get('later')).resolves.toBe('later');
  });

  it('has its scope opened once, where it is needed, and closed in its turn; its instances are its own', async () => {
    const external = new OtherContainer();
    const { log } = external;
    const container = await built(
      [
        logged(log, 'before', { scope: 'connection' }),
        logged(log, 'after', { scope: 'connection', inject: ['scoped', 'single'] }),
      ],
      { external },
    );
    const [scope, unneeded] = [container.createScope(), container.createScope()];
    for (const token of ['before', 'after', 'scoped']) scope.get(token);
    await scope.dispose();
    await unneeded.dispose();
    await container.dispose();
    expect(log).toEqual(['+before', 'open', 'made 1', '+after', '-after', 'closed', '-before']);
  });

  it('says which of its tokens live with a connection, and a singleton of ours may not need one', () => {
    const container = containerOf([{ provide: 'A', useFactory: () => 1, inject: ['scoped', 'single'] }], {
      external: new OtherContainer(),
    });
    expect([container.isScoped('scoped'), container.isScoped('single')]).toEqual([true, false]);
    expect(container.check()).toMatchObject([{ code: 'HALYARD_BOOT_SCOPE', parameter: 0 }]);
  });

  it('fills both `isScoped` and `createScope`, or neither', () => {
    const half: Container = { has: () => false, get: () => unreachable(), isScoped: () => true };
    expect(containerOf([], { external: half }).check()).toMatchObject([
      { code: 'HALYARD_BOOT_SETTING', where: 'container' },
    ]);
    const { isScoped: _, ...least } = half;
    expect(containerOf([], { external: least }).check()).toEqual([]);
  });

  it("may be another of Halyard's: it fills the contract itself", async () => {
    const log: string[] = [];
    const inner = new HalyardContainer();
    inner.register(logged(log, 'single'));
    inner.register(logged(log, 'scoped', { scope: 'connection' }));
    await inner.build();
    const container = await built([logged(log, 'ours', { inject: ['single', 'scoped'], scope: 'connection' })], {
      external: inner,
    });
    const scope = container.createScope();
    scope.get('ours');
    expect(container.get('single')).toBe(inner.get('single'));
    await scope.dispose();
    await container.dispose();
    expect(log).toEqual(['+single', '+scoped', '+ours', '-ours', '-scoped']);
  });
});
