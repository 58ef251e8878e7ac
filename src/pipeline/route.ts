import type { Class } from '../metadata/metadata.js';

export type Mode = 'twoWay' | 'receiveOnly' | 'sendOnly';

/** The directions of a WebSocket path. */
export const WebSocketMode = { twoWay: 'twoWay', receiveOnly: 'receiveOnly', sendOnly: 'sendOnly' } as const satisfies {
  [M in Mode]: M;
};

/** One endpoint as it was found at boot. Frozen. */
export interface Route {
  readonly kind: 'websocket' | 'http' | 'hook';
  /** With the app's prefix and the controller's path. */
  readonly path: string;
  /** HTTP only. `ALL` stands for every method. */
  readonly method?: string;
  /** WebSocket only: the `event` that the endpoint takes; `undefined`: all that no other endpoint takes. */
  readonly event?: string;
  readonly controller: Class;
  /** `Class.method` */
  readonly handler: string;
  /** What `@SetMetadata` recorded, method before controller. */
  readonly metadata: ReadonlyMap<unknown, unknown>;
}
