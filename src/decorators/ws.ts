import { ownMethod, type HookName } from '../metadata/metadata.js';
import type { ConnectionOptions, MessageOptions } from '../connection/options.js';

/** Options of `@WebSocket`: those of the message and, where the endpoint is alone on its path, of the connection. */
export interface WebSocketOptions extends MessageOptions, ConnectionOptions {}

/**
 * A method that takes messages: each one that comes on the path, or with `event` those of that event.
 *
 * @param path below the controller's; default: the controller's own
 */
export function WebSocket(path?: string, options?: WebSocketOptions): MethodDecorator;
export function WebSocket(options: WebSocketOptions): MethodDecorator;
export function WebSocket(path: string | WebSocketOptions = '', options: WebSocketOptions = {}): MethodDecorator {
  const endpoint =
    typeof path === 'string'
      ? { kind: 'websocket' as const, path, options: { ...options } }
      : { kind: 'websocket' as const, path: '', options: { ...path } };
  return endpointDecorator((target, name) => ownMethod(target, name).endpoints.push(endpoint));
}

/** Runs when a connection has opened, before any message. Without a path: on every WebSocket path of the controller. */
export function OnConnect(path?: string): MethodDecorator {
  return hook('connect', path);
}

/** Runs when a connection has closed; binds `CloseInfo`. */
export function OnDisconnect(path?: string): MethodDecorator {
  return hook('disconnect', path);
}

/** Runs when a socket failed or a handler failed unexpectedly; binds `ConnectionError`. */
export function OnError(path?: string): MethodDecorator {
  return hook('error', path);
}

function hook(name: HookName, path: string | undefined): MethodDecorator {
  return endpointDecorator((target, method) =>
    ownMethod(target, method).endpoints.push({ kind: 'hook', hook: name, path }),
  );
}

/** In a build with standard (stage-3) decorators the second argument is their context: the class' decorator reports. */
export function endpointDecorator(write: (target: object, name: string | symbol) => unknown): MethodDecorator {
  return (target, name: string | symbol | object) => {
    if (typeof name !== 'object') write(target, name);
  };
}
