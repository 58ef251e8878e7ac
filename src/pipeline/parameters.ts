/**
 * What each parameter of a method is bound from, decided at boot. Everything that cannot be bound is reported here, so
 * that binding a value later is a call and nothing else.
 */
import type { BootCode } from '../errors.js';
import type { ParameterRecord } from '../metadata/metadata.js';
import { compileBody, type BodyReader, type JsonReader } from './body.js';
import type { ParameterInfo, Pipe } from './components.js';
import type { Context } from './context.js';
import { DefaultValuePipe } from './pipes.js';
import type { PostChain } from './plan.js';
import { picker, scalars, valueReader, wholeReader, type RequestSource } from './request-values.js';
import type { Request } from './request.js';
import { Message } from './message.js';

/** Where a method runs: it decides what can be bound there. */
export type Place = 'message' | 'connect' | 'disconnect' | 'error' | 'http';

/** A value of the framework that is bound by its type alone. */
export interface Builtin {
  readonly places: readonly Place[];
  /** @param post what values that are sent beside the result go through */
  get(c: Context, post: PostChain): unknown;
}

export type ParameterSpec =
  | {
      readonly from: 'body';
      readonly reader: BodyReader;
      readonly pipes: readonly unknown[];
      readonly info: ParameterInfo;
    }
  | {
      readonly from: 'request';
      readonly pick: (request: Request) => unknown;
      readonly read: JsonReader;
      readonly optional: boolean;
      readonly pipes: readonly unknown[];
      readonly info: ParameterInfo;
    }
  | {
      readonly from: 'custom';
      readonly get: (c: Context) => unknown;
      readonly pipes: readonly unknown[];
      readonly info: ParameterInfo;
    }
  | {
      readonly from: 'value';
      readonly get: (c: Context, post: PostChain) => unknown;
      /** The type that it is bound by, where it is. */
      readonly type?: unknown;
    }
  | { readonly from: 'provider'; readonly token: unknown };

export interface ParameterQuery {
  readonly place: Place;
  /** How many parameters the method declares. */
  readonly length: number;
  readonly records: readonly ParameterRecord[];
  /** What the compiler emitted; `undefined`: the build emits nothing. */
  readonly types: readonly unknown[] | undefined;
  /** The path, with its parameters. */
  readonly path: string;
  readonly builtins: ReadonlyMap<unknown, Builtin>;
  isProvided(token: unknown): boolean;
  report(code: BootCode, parameter: number, reason: string, fix: string): void;
}

/** The specifications of a method's parameters; those that cannot be bound are reported and left out. */
export function describeParameters(query: ParameterQuery): ParameterSpec[] {
  const count = Math.max(query.length, query.types?.length ?? 0, ...query.records.map((record) => record.index + 1));
  const specs: ParameterSpec[] = [];
  for (let index = 0; index < count; index++) {
    const record = query.records.find((candidate) => candidate.index === index);
    const type = query.types?.[index];
    const spec = record ? describeDecorated(query, record, type) : describeByType(query, index, type);
    if (spec) specs[index] = spec;
    for (const pipe of record?.pipes ?? []) checkPipe(query, index, pipe);
  }
  return specs;
}

function checkPipe(query: ParameterQuery, index: number, pipe: unknown): void {
  const shape: unknown = typeof pipe === 'function' ? pipe.prototype : pipe;
  if (typeof (shape as Partial<Pipe> | null | undefined)?.transform === 'function') return;
  query.report(
    'HALYARD_BOOT_COMPONENT',
    index,
    `${nameOf(pipe)} is no pipe: it has no method transform`,
    pipe === undefined
      ? 'a circular import may have left it undefined: move what both files need into a third'
      : 'give one type, and then classes or instances with `transform(value)`',
  );
}

function describeDecorated(
  query: ParameterQuery,
  record: ParameterRecord,
  emitted: unknown,
): ParameterSpec | undefined {
  const { index } = record;
  switch (record.source) {
    case 'body':
      return describeBody(query, record, emitted);
    case 'ip':
      return { from: 'value', get: (c) => c.request.ip };
    case 'data': {
      const key = record.name as string | undefined;
      return { from: 'value', get: key === undefined ? (c) => c.data : (c) => c.data[key] };
    }
    case 'inject':
      return describeByType(query, index, record.name, true);
    case 'custom': {
      const factory = record.factory as (data: unknown, c: Context) => unknown;
      const info: ParameterInfo = { source: 'custom', name: undefined, type: emitted, index };
      return { from: 'custom', get: (c) => factory(record.name, c), pipes: record.pipes, info };
    }
    default:
      return describeRequestValue(query, record, record.source, emitted);
  }
}

function describeBody(query: ParameterQuery, record: ParameterRecord, emitted: unknown): ParameterSpec | undefined {
  const { index } = record;
  const type = record.type ?? emitted;
  const path = record.name as string | undefined;
  const info: ParameterInfo = { source: 'body', name: path, type, index };
  if (query.place !== 'message' && query.place !== 'http') {
    query.report(
      'HALYARD_BOOT_BIND',
      index,
      'there is no body in a hook',
      'leave it out; an endpoint with triggerOnConnect has one, null at connect',
    );
    return undefined;
  }
  const reader = compileBody(type, path, record.optional || hasDefault(record));
  if (reader) return { from: 'body', reader, pipes: record.pipes, info };
  query.report(
    'HALYARD_BOOT_BODY_TYPE',
    index,
    `${typeText(query, record.type, emitted)}, which does not say what the body is`,
    'spell it out: @Body(String), @Body(Item), @Body([Item]), @Body(schema), or @Body(Json) for anything; `import type`, ' +
      'interfaces and unions such as `string | null` all emit nothing usable: @Body(String) text: string | null',
  );
  return undefined;
}

function describeRequestValue(
  query: ParameterQuery,
  record: ParameterRecord,
  source: RequestSource,
  emitted: unknown,
): ParameterSpec | undefined {
  const { index } = record;
  const name = record.name as string | undefined;
  const type = record.type ?? emitted;
  const info: ParameterInfo = { source, name, type, index };
  const names = pathParameters(query.path);
  if (source === 'param' && name !== undefined && !record.optional && !names.has(name)) {
    query.report(
      'HALYARD_BOOT_BIND',
      index,
      `the path ${query.path} has no parameter ":${name}"`,
      names.size > 0
        ? `it has ${[...names].map((parameter) => (parameter === '*' ? '"*"' : `":${parameter}"`)).join(', ')}`
        : `write it into the path, ":${name}"`,
    );
    return undefined;
  }
  const read = name === undefined ? wholeReader(type) : valueReader(type, info, record.pipes.length > 0);
  if (!read) {
    const decorator = `@${source[0]!.toUpperCase()}${source.slice(1)}`;
    const optional = record.optional ? ', Optional' : '';
    query.report(
      'HALYARD_BOOT_PARAM_TYPE',
      index,
      name === undefined
        ? `${typeText(query, record.type, emitted)}, and without a name ${decorator} binds an object of all values`
        : `${typeText(query, record.type, emitted)}, which does not say how to read one value`,
      name === undefined
        ? `name the value, ${decorator}('name'), or declare a DTO, a schema or Record<string, unknown>`
        : `spell it out, ${decorator}('${name}', Number${optional}), or give it a pipe`,
    );
    return undefined;
  }
  const optional = record.optional && !hasDefault(record);
  return { from: 'request', pick: picker(source, name), read, optional, pipes: record.pipes, info };
}

/** @param spelled by `@Inject(Type)`, where the compiler emits nothing */
function describeByType(
  query: ParameterQuery,
  index: number,
  type: unknown,
  spelled = false,
): ParameterSpec | undefined {
  const builtin = query.builtins.get(type);
  if (builtin) {
    if (builtin.places.includes(query.place)) return { from: 'value', get: (c, post) => builtin.get(c, post), type };
    query.report(
      'HALYARD_BOOT_BIND',
      index,
      `${nameOf(type)} does not exist in ${placeText[query.place]}`,
      `it can be bound in ${builtin.places.map((place) => placeText[place]).join(', ')}`,
    );
    return undefined;
  }
  if (type === Message && query.place === 'message') {
    const info: ParameterInfo = { source: 'body', name: undefined, type, index };
    return { from: 'body', reader: compileBody(Message, undefined, false)!, pipes: [], info };
  }
  if (type !== undefined && query.isProvided(type)) return { from: 'provider', token: type };
  query.report('HALYARD_BOOT_BIND', index, ...unbound(query, type, spelled));
  return undefined;
}

/** Why nothing can bind a type, and what to do about it. */
function unbound({ types, place }: ParameterQuery, type: unknown, spelled: boolean): [reason: string, fix: string] {
  if (type === undefined) {
    return spelled || types
      ? [
          'its type was undefined when it was read: a circular import, where two files import each other',
          'move what both files need into a third, or name a token: @Inject(TOKEN)',
        ]
      : [
          'the parameter has no decorator, and the build emitted no types',
          'spell it out: @Inject(Connection), @Body(Item), @Param(name); or build with "emitDecoratorMetadata", which esbuild and tsx cannot',
        ];
  }
  if (spelled && typeof type !== 'function') {
    return [`nothing provides ${nameOf(type)}`, `register it: providers: [{ provide: ${nameOf(type)}, useValue: … }]`];
  }
  if (scalars.has(type)) {
    return [
      `the parameter has no decorator, and nothing binds a ${nameOf(type)} by its type alone`,
      'use @Body(), @Param(name), @Query(name) …',
    ];
  }
  if (nameless.has(type)) {
    return [
      `the parameter has no decorator, and the compiler emitted the type ${nameOf(type)}: an interface, a union, or an \`import type\``,
      'use @Body(…), @Param(name) …, name a provider with @Inject(TOKEN), or import the class without `type`',
    ];
  }
  const body = place === 'message' || place === 'http' ? `write @Body() for the body, or ` : '';
  return [`nothing provides ${nameOf(type)}`, `${body}register it: providers: [${nameOf(type)}]`];
}

const nameless: ReadonlySet<unknown> = new Set([Object, Function, Array, Promise]);

/** Where a type came from that cannot be used. */
function typeText({ types }: ParameterQuery, spelled: unknown, emitted: unknown): string {
  if (spelled !== undefined) return `${nameOf(spelled)} was spelled out`;
  if (emitted !== undefined) return `the compiler emitted the type ${nameOf(emitted)}`;
  return types ? 'its type was undefined when it was read (a circular import)' : 'the build emitted no types';
}

/** A default stands in for what is missing, so it is no mistake. */
function hasDefault({ pipes }: ParameterRecord): boolean {
  return pipes.some((pipe) => pipe instanceof DefaultValuePipe);
}

const placeText: Readonly<Record<Place, string>> = {
  message: 'message endpoints',
  connect: '@OnConnect',
  disconnect: '@OnDisconnect',
  error: '@OnError',
  http: 'HTTP endpoints',
};

/** A type or token as it reads in a message. */
export function nameOf(type: unknown): string {
  if (typeof type === 'function') return type.name || 'an anonymous class';
  return typeof type === 'symbol' ? String(type) : (JSON.stringify(type) ?? String(type));
}

/** The names of a path's parameters, as find-my-way reads it; a wildcard is `*`. */
export function pathParameters(path: string): ReadonlySet<string> {
  const names = new Set<string>();
  // `::` is a literal colon; a pattern in brackets may follow a name, and `?` the last one.
  for (const [, name] of path.replaceAll('::', '').matchAll(/:([^/\-.(]+)/g)) names.add(name!.replace(/\?$/, ''));
  if (path.includes('*')) names.add('*');
  return names;
}
