import { Body, Connection, Controller, Data, Message, OnConnect, Param, Query, UseGuards, WebSocket } from 'halyard';
import { Guest } from '../entrance/guest.js';
import { arrive, type Person } from '../entrance/person.js';
import { RoomAddress } from '../entrance/room-address.js';
import { StaffRoom } from '../entrance/staff-only.guard.js';
import { Visitor } from '../entrance/visitor.guard.js';
import { BoardStore } from './board-store.js';
import { cursorOf, placeOf } from './cursor.js';
import { NewStroke } from './stroke.js';

/**
 * A board on which all who are there draw, and see each other's cursors move.
 *
 * `slowConsumer: 'conflate'`: who reads too slowly gets the newest of each channel and event, not a backlog. For cursors
 * that is all one wants. Of strokes each one counts: a page that is told `dropped` asks for `all` of them.
 */
@Controller('board/:room', { refuse: 'close', slowConsumer: 'conflate' })
@UseGuards(StaffRoom, Visitor)
export class BoardController {
  constructor(private readonly store: BoardStore) {}

  @OnConnect()
  async enter(@Param() { room }: RoomAddress, @Query() { name }: Guest, connection: Connection) {
    const person = arrive(connection, name, `board #${room}`);
    await connection.join(boardOf(room));
    await connection.join(cursorsOf(room));
    await connection.track(boardOf(room), person.id, { name }, { leaveDelay: '3s' });
    return { event: 'welcome', payload: { you: person.id, strokes: this.store.strokes(room) } };
  }

  /** What is published comes back to the one who has drawn it: so strokes lie on each other in the same order for all. */
  @WebSocket({ event: 'draw', rateLimit: { messages: 30, per: '1s', burst: 60 } })
  async draw(
    @Param() { room }: RoomAddress,
    @Data('person') { id }: Person,
    @Body() { line, part, color, width, points }: NewStroke,
    connection: Connection,
  ) {
    const stroke = { by: id, line, part, color, width, points };
    if (this.store.add(room, stroke)) await connection.publish(boardOf(room), stroke, { event: 'drawn' });
  }

  /** Takes the last line of the one who asks away. */
  @WebSocket({ event: 'undo' })
  async undo(@Param() { room }: RoomAddress, @Data('person') { id }: Person, connection: Connection) {
    const line = this.store.undo(room, id);
    if (line === undefined) return { undone: false };
    await connection.publish(boardOf(room), { by: id, line }, { event: 'undone' });
    return { undone: true };
  }

  @WebSocket({ event: 'clear' })
  async clear(@Param() { room }: RoomAddress, @Data('person') { name }: Person, connection: Connection) {
    this.store.clear(room);
    await connection.publish(boardOf(room), { name }, { event: 'cleared' });
  }

  @WebSocket({ event: 'all', rateLimit: { messages: 1, per: '1s', burst: 5 } })
  all(@Param() { room }: RoomAddress) {
    return { strokes: this.store.strokes(room) };
  }

  /**
   * All that is no event: the places of a cursor, as bytes. They have a lane of their own beside the strokes, in which the
   * newest takes the place of one that still waits (`order: 'latest'`).
   */
  @WebSocket({ order: 'latest', rateLimit: { messages: 40, per: '1s', burst: 80 } })
  async point(
    @Param() { room }: RoomAddress,
    @Data('person') { id }: Person,
    message: Message,
    connection: Connection,
  ) {
    await connection.publish(cursorsOf(room), cursorOf(id, placeOf(message)), { except: connection });
  }
}

function boardOf(room: string): string {
  return `board:${room}`;
}

/** Apart from the strokes: where one of the two is dropped for a slow reader, the other one is not. */
function cursorsOf(room: string): string {
  return `cursors:${room}`;
}
