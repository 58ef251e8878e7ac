import { Performable, type Stagehand } from '../connection/performable.js';
import { HalyardError } from '../errors.js';
import type { ConnectContext, DisconnectContext, MessageContext } from '../pipeline/context.js';

/** What `actions()` does, in this order. */
export interface ActionSet {
  /** Leaves a channel. */
  leave?: string;
  /** Is shown no longer in a channel. */
  untrack?: string;
  /** Joins a channel. */
  join?: string;
  /** Is shown in a channel, under the user's id; `state` is `online` where none is given. */
  track?: { channel: string; userId: string | number; [meta: string]: unknown };
  /** Changes what is shown; where nothing is tracked: `NOT_TRACKED`. */
  setPresence?: { channel: string; state: string; [meta: string]: unknown };
  /** Sends a value to this client: the reply. */
  send?: unknown;
  /** Sends a value to all clients, this one too. */
  broadcast?: unknown;
  /** Publishes to the newest channel that is still joined; in none: `NO_ROOM`. */
  broadcastRoom?: unknown;
  /** Publishes to a channel. */
  broadcastChannel?: { channel: string; message: unknown };
  /** Closes the connection, once everything above is done. A text is the reason. */
  close?: string | { code?: number; reason?: string };
}

/** What `actions()` makes. */
export class Actions extends Performable {
  constructor(readonly set: Readonly<ActionSet>) {
    super();
  }

  async perform(c: MessageContext | ConnectContext | DisconnectContext, stage: Stagehand): Promise<void> {
    const { connection } = c;
    const { leave, untrack, join, track, setPresence, send, broadcast, broadcastRoom, broadcastChannel, close } =
      this.set;
    if (leave !== undefined) await connection.leave(leave);
    if (untrack !== undefined) await connection.untrack(untrack);
    if (join !== undefined) await connection.join(join);
    if (track !== undefined) {
      const { channel, userId, ...meta } = track;
      // Somebody who is nobody is refused as a key, and not shown as the user "undefined".
      await connection.track(channel, String(userId ?? ''), { state: 'online', ...meta });
    }
    if (setPresence !== undefined) {
      const { channel, ...meta } = setPresence;
      await connection.update(channel, meta);
    }
    if (send !== undefined) await stage.send(send);
    if (broadcast !== undefined) await stage.connections.broadcast(broadcast);
    if (broadcastRoom !== undefined) {
      const room = [...connection.channels].at(-1);
      if (room === undefined) throw new HalyardError('NO_ROOM');
      await connection.publish(room, broadcastRoom);
    }
    if (broadcastChannel !== undefined) await connection.publish(broadcastChannel.channel, broadcastChannel.message);
    if (close === undefined) return;
    const { code = 1000, reason = '' } = typeof close === 'string' ? { reason: close } : close;
    connection.close(code, reason);
  }
}

/**
 * Describes what is to be done instead of doing it: an endpoint or hook returns it. An empty set does nothing.
 *
 * @example return actions({ join: 'lobby', send: 'welcome', broadcast: 'somebody came' });
 */
export function actions(set: ActionSet): Actions {
  return new Actions(set);
}
