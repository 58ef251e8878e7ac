/** What is bound by its type alone: the values of the framework itself. */
import { IncomingMessage } from 'node:http';
import { CleanUp } from '../connection/clean-up.js';
import { Connection } from '../connection/connection.js';
import { ContextSender, type ConnectionResponder } from '../connection/responder.js';
import { CloseWebSocket, Sender } from '../connection/sender.js';
import { cleanUpOf } from '../http/clean-up.js';
import { CloseInfo } from '../pipeline/close-info.js';
import { Context, type ConnectContext, type DisconnectContext, type MessageContext } from '../pipeline/context.js';
import type { Builtin, Place } from '../pipeline/parameters.js';
import { Reply } from '../pipeline/reply.js';
import { ConnectionEvent } from '../styles/connection-event.js';
import { Inbox } from '../styles/inbox.js';
import type { InboxQueue } from '../styles/inbox-queue.js';
import { Request } from '../pipeline/request.js';

/** Bound in `@OnError`: what went wrong on a connection. */
export class ConnectionError {
  constructor(readonly error: unknown) {}
}

type Connected = MessageContext | ConnectContext | DisconnectContext;

const open: readonly Place[] = ['message', 'connect'];
const connected: readonly Place[] = ['message', 'connect', 'disconnect', 'error'];
const everywhere: readonly Place[] = [...connected, 'http'];

/** The builtins of an app, by type. */
export function builtinsOf(responder: ConnectionResponder): ReadonlyMap<unknown, Builtin> {
  const connectionOf = (c: Context): Connection => (c as Connected).connection;
  return new Map<unknown, Builtin>([
    [Context, { places: everywhere, get: (c) => c }],
    [Request, { places: everywhere, get: (c) => c.request }],
    [IncomingMessage, { places: everywhere, get: (c) => c.request.raw }],
    [AbortSignal, { places: everywhere, get: (c) => c.signal }],
    [
      CleanUp,
      {
        places: everywhere,
        get: (c) => (c.kind === 'http' ? cleanUpOf(c) : connectionOf(c).cleanUp),
      },
    ],
    [Reply, { places: ['http'], get: (c) => (c.kind === 'http' ? c.reply : undefined) }],
    [Connection, { places: connected, get: connectionOf }],
    // A connection closes itself: nothing has to be made for it.
    [CloseWebSocket, { places: open, get: connectionOf }],
    [
      Sender,
      {
        places: open,
        get: (c, post) => new ContextSender(responder, c as MessageContext | ConnectContext, post),
      },
    ],
    [
      ConnectionEvent,
      {
        places: ['message', 'connect', 'disconnect'],
        get: (c) => new ConnectionEvent(c as MessageContext | ConnectContext | DisconnectContext),
      },
    ],
    // Only on paths that the scanner has found to have one.
    [Inbox, { places: ['message'], get: (c) => new Inbox(connectionOf(c).reader as InboxQueue) }],
    [CloseInfo, { places: ['disconnect'], get: (c) => (c as DisconnectContext).info }],
    [ConnectionError, { places: ['error'], get: (c) => new ConnectionError((c as DisconnectContext).error) }],
  ]);
}

/** The builtins that a connection-scoped provider may ask for. */
export const scopedBuiltins: ReadonlySet<never> = new Set([
  Context,
  Request,
  IncomingMessage,
  Connection,
  CleanUp,
] as never[]);
