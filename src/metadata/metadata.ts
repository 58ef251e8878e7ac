/**
 * What decorators recorded about a class. The only module that touches `Reflect`: metadata lives on the class itself,
 * so two apps, two tests or two copies of a module never see each other's.
 */
import 'reflect-metadata';

export type Class<T = unknown> = abstract new (...args: never[]) => T;

/** Where a parameter's value comes from. */
export type ParameterSource = 'body' | 'param' | 'query' | 'header' | 'cookie' | 'ip' | 'data' | 'inject' | 'custom';

export interface ParameterRecord {
  readonly index: number;
  readonly source: ParameterSource;
  /** `@Param('room')`, `@Body('a.b')`, `@Inject(TOKEN)`. */
  readonly name?: unknown;
  /** The type, where it was spelled out: `String`, a class, `[Class]`, `Json` or a Standard Schema. */
  readonly type?: unknown;
  readonly optional: boolean;
  readonly pipes: readonly unknown[];
  /** `createParamDecorator`'s function. */
  readonly factory?: (data: unknown, context: never) => unknown;
}

export type HookName = 'connect' | 'disconnect' | 'error';

export type EndpointRecord =
  | { readonly kind: 'websocket'; readonly path: string; readonly options: Readonly<Record<string, unknown>> }
  | { readonly kind: 'http'; readonly method: string; readonly path: string; readonly sse: boolean }
  | { readonly kind: 'hook'; readonly hook: HookName; readonly path: string | undefined };

export interface MethodRecord {
  readonly endpoints: EndpointRecord[];
  /** Components, in the order in which they were written. */
  readonly uses: unknown[];
  readonly metadata: Map<unknown, unknown>;
  readonly parameters: ParameterRecord[];
  httpStatus: number | undefined;
  readonly httpHeaders: [name: string, value: string][];
  redirect: { readonly url: string; readonly status: number } | undefined;
}

export interface ClassRecord {
  controller: { readonly path: string; readonly options: Readonly<Record<string, unknown>> } | undefined;
  injectable: { readonly scope: Scope } | undefined;
  /** The error types that a `@Catch(…)` class takes; empty: all. */
  catches: readonly Class[] | undefined;
  readonly uses: unknown[];
  readonly metadata: Map<unknown, unknown>;
  readonly methods: Map<string | symbol, MethodRecord>;
  /** `@Inject` on constructor parameters. */
  readonly constructorParameters: ParameterRecord[];
  /** A decorator was called in the standard (stage-3) form, which carries no parameter metadata. */
  standardDecorators: boolean;
}

/** How long a provider lives: with the app, with one connection or HTTP request, or anew for each that asks. */
export type Scope = 'singleton' | 'connection' | 'transient';

const key = Symbol.for('halyard.metadata');

/** The class' own record, made when there is none: what decorators write to. */
export function ownRecord(target: object): ClassRecord {
  const existing = Reflect.getOwnMetadata(key, target) as ClassRecord | undefined;
  if (existing) return existing;
  const record = emptyRecord();
  Reflect.defineMetadata(key, record, target);
  return record;
}

/**
 * A method's own record, made when there is none. A legacy method decorator receives the prototype, or for a static
 * member the class itself: the scanner reports that.
 */
export function ownMethod(target: object, name: string | symbol): MethodRecord {
  const { methods } = ownRecord(typeof target === 'function' ? target : target.constructor);
  let method = methods.get(name);
  if (!method) methods.set(name, (method = emptyMethod()));
  return method;
}

/**
 * What stands on the class and on those that it extends: the class' own decorators win, its methods override the
 * inherited ones of the same name, components of the base class run first.
 */
export function readRecord(target: Class): ClassRecord {
  const chain: ClassRecord[] = [];
  for (let c: unknown = target; typeof c === 'function' && c !== Function.prototype; c = Object.getPrototypeOf(c)) {
    const record = Reflect.getOwnMetadata(key, c) as ClassRecord | undefined;
    if (record) chain.unshift(record);
  }
  const merged = emptyRecord();
  for (const record of chain) {
    merged.controller = record.controller ?? merged.controller;
    merged.injectable = record.injectable ?? merged.injectable;
    merged.catches = record.catches ?? merged.catches;
    merged.standardDecorators ||= record.standardDecorators;
    merged.uses.push(...record.uses);
    for (const [k, v] of record.metadata) merged.metadata.set(k, v);
    for (const [name, method] of record.methods) merged.methods.set(name, method);
  }
  // `@Inject` goes with the constructor that it stands in: the class' own, or the nearest inherited one.
  for (let c: unknown = target; typeof c === 'function' && c !== Function.prototype; c = Object.getPrototypeOf(c)) {
    const { constructorParameters = [] } = (Reflect.getOwnMetadata(key, c) ?? {}) as Partial<ClassRecord>;
    merged.constructorParameters.push(...constructorParameters);
    if (constructorParameters.length > 0 || Reflect.hasOwnMetadata('design:paramtypes', c)) break;
  }
  return merged;
}

/** The parameter types that the compiler emitted for a method, or `undefined` where it emitted none. */
export function parameterTypes(target: Class, name: string | symbol): readonly unknown[] | undefined {
  return Reflect.getMetadata('design:paramtypes', target.prototype as object, name) as unknown[] | undefined;
}

/** The return type that the compiler emitted for a method, or `undefined`. */
export function returnType(target: Class, name: string | symbol): unknown {
  return Reflect.getMetadata('design:returntype', target.prototype as object, name);
}

/** The parameter types that the compiler emitted for the constructor, or `undefined` where it emitted none. */
export function constructorTypes(target: Class): readonly unknown[] | undefined {
  return Reflect.getMetadata('design:paramtypes', target) as unknown[] | undefined;
}

function emptyRecord(): ClassRecord {
  return {
    controller: undefined,
    injectable: undefined,
    catches: undefined,
    uses: [],
    metadata: new Map(),
    methods: new Map(),
    constructorParameters: [],
    standardDecorators: false,
  };
}

function emptyMethod(): MethodRecord {
  return {
    endpoints: [],
    uses: [],
    metadata: new Map(),
    parameters: [],
    httpStatus: undefined,
    httpHeaders: [],
    redirect: undefined,
  };
}
