import {
  Body,
  Channels,
  Connection,
  Connections,
  Controller,
  Data,
  HttpError,
  OnConnect,
  Param,
  Post,
  Presence,
  Query,
  UseGuards,
  WebSocket,
} from 'halyard';
import { Guest } from '../entrance/guest.js';
import { arrive, type Person } from '../entrance/person.js';
import { RoomAddress } from '../entrance/room-address.js';
import { StaffRoom } from '../entrance/staff-only.guard.js';
import { Visitor } from '../entrance/visitor.guard.js';
import { Announcement, NewMessage, NewPrivateMessage, Typing } from './messages.js';
import { newPost } from './post.js';
import { RoomStore } from './room-store.js';

/**
 * A room: WebSocket and HTTP on one address, behind one set of guards.
 *
 * A browser cannot read the HTTP status of a refused upgrade. `refuse: 'close'` tells the page by a close code instead:
 * 4403 where the guard says no, 4400 where the room or the name breaks a rule.
 */
@Controller('rooms/:room', { refuse: 'close' })
@UseGuards(StaffRoom, Visitor)
export class ChatController {
  constructor(
    private readonly store: RoomStore,
    private readonly presence: Presence,
    private readonly connections: Connections,
  ) {}

  /** Room and name were checked before the connection was opened. What this returns is sent to the one who came. */
  @OnConnect()
  async enter(@Param() { room }: RoomAddress, @Query() { name }: Guest, connection: Connection) {
    const author = arrive(connection, name, `#${room}`);
    // Joined first, and then the history: what is said in between may arrive twice, but is never missed.
    await connection.join(channelOf(room));
    // The room sees one entry for each person, however many tabs. A page that is reloaded is back before anybody is told.
    await connection.track(channelOf(room), author.id, { name, typing: false }, { leaveDelay: '3s' });
    await connection.track(inboxOf(author.id), author.id, { name });
    return { event: 'welcome', payload: { you: author.id, posts: this.store.last(room) } };
  }

  /**
   * `{"event": "message", "payload": {"text": "Hello"}, "ref": 1}`. The message is valid when this runs; if it is not, the
   * sender gets an error with the same `ref`. What is published comes back to the sender too, so all see one order; the
   * reply, which is empty, only says that it has been done.
   */
  @WebSocket({ event: 'message', rateLimit: { messages: 2, per: '1s', burst: 10, by: 'user' } })
  async say(
    @Param() { room }: RoomAddress,
    @Data('person') author: Person,
    @Body() { text }: NewMessage,
    connection: Connection,
  ) {
    const post = this.store.add(room, newPost({ kind: 'message', author, text }));
    await connection.publish(channelOf(room), post, { event: 'post' });
    await connection.update(channelOf(room), { typing: false });
  }

  /** To all tabs of one person, and to all tabs of the one who wrote it. It is not kept. */
  @WebSocket({ event: 'private', rateLimit: { messages: 2, per: '1s', burst: 10, by: 'user' } })
  async sayToOne(
    @Param() { room }: RoomAddress,
    @Data('person') author: Person,
    @Body() { to, text }: NewPrivateMessage,
  ) {
    const recipient = await this.presence.get(inboxOf(to), to);
    if (!recipient) throw new HttpError(404, 'They are not here any more: nobody has got it', { code: 'GONE' });
    const name = String(recipient.metas[0]?.['name']);
    const post = newPost({ kind: 'private', author, to: { id: to, name }, room, text });
    for (const person of new Set([author.id, to])) {
      await this.connections.sendToUser(person, { event: 'post', payload: post });
    }
  }

  /** Shows the others that somebody writes, or has stopped to. */
  @WebSocket({ event: 'typing', rateLimit: { messages: 5, per: '1s', burst: 10 } })
  async type(@Param() { room }: RoomAddress, @Body() { typing }: Typing, connection: Connection) {
    await connection.update(channelOf(room), { typing });
  }

  /** For everything that speaks HTTP and no WebSocket: a deployment, a cron job, `curl`. */
  @Post('announce')
  async announce(@Param() { room }: RoomAddress, @Body() { text }: Announcement, channels: Channels) {
    const post = this.store.add(room, newPost({ kind: 'announcement', text }));
    await channels.publish(channelOf(room), post, { event: 'post' });
    return post;
  }
}

/** Channels belong to the whole app: a prefix keeps these apart from those of other controllers. */
function channelOf(room: string): string {
  return `room:${room}`;
}

/**
 * Who can be written to, in whichever room: presence without a delay, so that no message goes to somebody who has just
 * left. A channel for each person, as whoever is tracked in one is told who else is.
 */
function inboxOf(person: string): string {
  return `inbox:${person}`;
}
