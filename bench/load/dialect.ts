/** How one and the same message looks on the wire of each server. */

export type Endpoint =
  'echo' | 'validated' | 'guarded' | 'subscribe' | 'publish' | 'presence' | 'channels' | 'publish-empty';

export interface Dialect {
  path(endpoint: Endpoint): string;
  /** What a client says first, after which the server says `welcomes` texts more before it takes messages. */
  readonly hello?: string;
  /** How many texts a server sends before a client may begin. */
  readonly welcomes: number;
  /** A ping of the server's own, as a text, and what the client says to it. */
  readonly beat?: { readonly ping: string; readonly pong: string };
  /** What a client sends so that the handler is given this object. @param json of it */
  request(json: string): string;
  /** What the client gets where the handler returned it, and where it was published. */
  reply(json: string): string;
}

const plain: Dialect = {
  path: (endpoint) => `/${endpoint}`,
  welcomes: 0,
  request: (json) => json,
  reply: (json) => json,
};

/** NestJS's WsAdapter. */
const nest: Dialect = {
  ...plain,
  request: (json) => `{"event":"message","data":${json}}`,
  reply: (json) => `{"event":"message","data":${json}}`,
};

/** Engine.IO 4 opens, the client connects to the main namespace, the server confirms: `0{…}`, `40`, `40{…}`. */
const socketIo: Dialect = {
  path: (endpoint) => `/socket.io/?EIO=4&transport=websocket&endpoint=${endpoint}`,
  hello: '40',
  welcomes: 2,
  beat: { ping: '2', pong: '3' },
  request: (json) => `42["message",${json}]`,
  reply: (json) => `42["message",${json}]`,
};

export const dialects = {
  ws: plain,
  halyard: plain,
  nest,
  'socket.io': socketIo,
  crossws: plain,
  'node:net': plain,
} as const satisfies Record<string, Dialect>;

export type ServerName = keyof typeof dialects;
