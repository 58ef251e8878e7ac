import { createHash } from 'node:crypto';
import {
  Body,
  Channels,
  Connection,
  Controller,
  Data,
  OnConnect,
  OnDisconnect,
  Param,
  Post,
  Query,
  UseGuards,
  WebSocket,
} from 'halyard';
import { Announcement, Guest, NewMessage, RoomAddress } from './messages.js';
import { RoomStore, type Author } from './room-store.js';
import { StaffOnly } from './staff-only.guard.js';

/**
 * A room: WebSocket and HTTP on one address, behind one guard.
 *
 * A browser cannot read the HTTP status of a refused upgrade. `refuse: 'close'` tells the page by a close code instead:
 * 4403 where the guard says no, 4400 where the room or the name breaks a rule.
 */
@Controller('rooms/:room', { refuse: 'close' })
@UseGuards(StaffOnly)
export class ChatController {
  constructor(private readonly store: RoomStore) {}

  /** Room and name were checked before the connection was opened. What this returns is sent to the one who came. */
  @OnConnect()
  async enter(@Param() { room }: RoomAddress, @Query() { name, visitor }: Guest, connection: Connection) {
    // Others see a hash of the secret: it says who wrote, and lets nobody write in that one's place.
    const author: Author = { id: createHash('sha256').update(visitor).digest('hex').slice(0, 16), name };
    connection.data['author'] = author;
    // Joined first, and then the history: what is said in between may arrive twice, but is never missed.
    await connection.join(channelOf(room));
    await connection.publish(channelOf(room), { author, at: Date.now() }, { event: 'joined', except: connection });
    return { event: 'welcome', payload: { you: author.id, posts: this.store.last(room) } };
  }

  /**
   * `{"event": "message", "payload": {"text": "Hello"}, "ref": 1}`. The message is valid when this runs; if it is not, the
   * sender gets an error with the same `ref`. What is published comes back to the sender too, so all see one order; the
   * reply, which is empty, only says that it has been done.
   */
  @WebSocket({ event: 'message', rateLimit: { messages: 2, per: '1s', burst: 10 } })
  async say(
    @Param() { room }: RoomAddress,
    @Data('author') author: Author,
    @Body() { text }: NewMessage,
    connection: Connection,
  ) {
    await connection.publish(channelOf(room), this.store.add(room, { kind: 'message', author, text }), {
      event: 'post',
    });
  }

  /** Runs whichever way it ended: the window was closed, the network broke, the server stops. */
  @OnDisconnect()
  async leave(@Param() { room }: RoomAddress, @Data('author') author: Author, connection: Connection) {
    await connection.publish(channelOf(room), { author, at: Date.now() }, { event: 'left' });
  }

  /** For everything that speaks HTTP and no WebSocket: a deployment, a cron job, `curl`. */
  @Post('announce')
  async announce(@Param() { room }: RoomAddress, @Body() { text }: Announcement, channels: Channels) {
    const post = this.store.add(room, { kind: 'announcement', text });
    await channels.publish(channelOf(room), post, { event: 'post' });
    return post;
  }
}

/** Channels belong to the whole app: a prefix keeps these apart from those of other controllers. */
function channelOf(room: string): string {
  return `room:${room}`;
}
