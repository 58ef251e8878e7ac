import { Body, Connection, Connections, Controller, HttpError, OnConnect, UseGuards, WebSocket } from 'halyard';
import { Announcement } from '../chat/messages.js';
import { newPost } from '../chat/post.js';
import { StaffOnly } from '../entrance/staff-only.guard.js';
import { Removal } from './commands.js';
import { staffChannel } from './reports.js';

/** What goes on in all rooms, second by second, for those who have the key; and what they can do about it. */
@Controller('staff', { refuse: 'close' })
@UseGuards(StaffOnly)
export class StaffController {
  constructor(private readonly connections: Connections) {}

  /** From now on the reports of all processes come here; being tracked is what tells them that somebody looks. */
  @OnConnect()
  async enter(connection: Connection) {
    await connection.join(staffChannel);
    await connection.track(staffChannel);
    return { event: 'welcome' };
  }

  /** To every open connection, whatever page it belongs to. */
  @WebSocket({ event: 'announce' })
  async announce(@Body() { text }: Announcement) {
    await this.connections.broadcast({ event: 'post', payload: newPost({ kind: 'announcement', text }) });
  }

  /** Closes all connections of a person: their pages say so, and do not come back by themselves. */
  @WebSocket({ event: 'remove' })
  async remove(@Body() { person }: Removal) {
    const { length } = await this.connections.ofUser(person);
    if (length === 0) throw new HttpError(404, 'That person is not here any more', { code: 'GONE' });
    await this.connections.closeUser(person, { code: 4403, reason: 'REMOVED' });
    return { closed: length };
  }
}
