import { ownMethod, ownRecord, type ParameterRecord, type ParameterSource } from '../metadata/metadata.js';
import { Json } from '../pipeline/body.js';
import { isSchema } from '../pipeline/schema.js';
import type { Context } from '../pipeline/context.js';
import { Optional } from '../pipeline/pipes.js';

/** The first argument of a binding may be a name, what follows a type and pipes, in this order. */
type BindingArgument = unknown;

/**
 * Binds the body: the message, an envelope's payload, or the HTTP request's body.
 *
 * `@Body()` reads the parameter's declared type; `@Body(String)`, `@Body(Item)`, `@Body([Item])`, `@Body(schema)` and
 * `@Body(Json)` spell it out; `@Body('a.b')` takes a nested value; pipes follow. A mistake of the client is
 * `BODY_INVALID`, `BODY_TYPE` or `VALIDATION_FAILED`.
 */
export function Body(...args: BindingArgument[]): ParameterDecorator {
  return binding('body', args);
}

/** Binds a path parameter, or with no name all of them. Missing or invalid: 400 `PARAM_INVALID`. */
export function Param(...args: BindingArgument[]): ParameterDecorator {
  return binding('param', args);
}

/** Binds a value of the query, or with no name the whole object, also as DTO or schema. */
export function Query(...args: BindingArgument[]): ParameterDecorator {
  return binding('query', args);
}

/** Binds a header of the request or upgrade, or with no name all of them. */
export function Header(...args: BindingArgument[]): ParameterDecorator {
  return binding('header', args);
}

/** Binds a cookie of the request or upgrade, or with no name all of them. */
export function Cookie(...args: BindingArgument[]): ParameterDecorator {
  return binding('cookie', args);
}

/** Binds the client's address; behind trusted proxies the forwarded one. */
export function Ip(): ParameterDecorator {
  return binding('ip', []);
}

/** Binds `data[key]`, as it is at that moment, or with no key all of `data`. Missing is `undefined`, no error. */
export function Data(key?: string): ParameterDecorator {
  return binding('data', key === undefined ? [] : [key]);
}

/** Binds a provider by token, on endpoints and constructors: for interfaces, strings and symbols. */
export function Inject(token: unknown): ParameterDecorator {
  return (target, method, index) =>
    record(target, method, { index, source: 'inject', name: token, optional: false, pipes: [] });
}

/** What a decorator of one's own is called with: the data may be left out where its type has room for `undefined`. */
type CustomArguments<T> = undefined extends T ? [data?: T, ...pipes: unknown[]] : [data: T, ...pipes: unknown[]];

/**
 * Makes a parameter decorator of one's own. The function runs for each message, connect or request.
 *
 * @example const Locale = createParamDecorator((_data: void, context) => context.request.headers['accept-language']);
 */
export function createParamDecorator<T = void>(
  factory: (data: T, context: Context) => unknown,
): (...args: CustomArguments<T>) => ParameterDecorator {
  return (...[data, ...pipes]) =>
    (target, method, index) =>
      record(target, method, {
        index,
        source: 'custom',
        name: data,
        optional: true,
        pipes,
        factory: factory as ParameterRecord['factory'] & {},
      });
}

function binding(source: ParameterSource, args: readonly BindingArgument[]): ParameterDecorator {
  const rest = [...args];
  const name = typeof rest[0] === 'string' ? rest.shift() : undefined;
  const optional = rest.includes(Optional);
  const type = rest.findIndex((arg) => isType(arg));
  const spelled = type === -1 ? undefined : rest[type];
  const pipes = rest.filter((arg, at) => at !== type && arg !== Optional);
  return (target, method, index) => record(target, method, { index, source, name, type: spelled, optional, pipes });
}

function record(target: object, method: string | symbol | undefined, parameter: ParameterRecord): void {
  if (method === undefined) ownRecord(target).constructorParameters.push(parameter);
  else ownMethod(target, method).parameters.push(parameter);
}

/** Types are told from pipes by what they can do: a pipe, class or instance, has `transform`. */
function isType(arg: unknown): boolean {
  if (arg === Json || isSchema(arg) || Array.isArray(arg)) return true;
  return typeof arg === 'function' && !('transform' in ((arg.prototype as object | undefined) ?? {}));
}
