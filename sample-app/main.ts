/**
 * A chat with rooms, a board for each of them, and a page for staff, made with Halyard. `npm start`, then open the printed
 * address in two windows.
 *
 *   PORT=8080 npm start                                         another port than 3000
 *   STAFF_KEY=ahoy npm start                                    the key of what is for staff; without it one is made up
 *   http://localhost:3000/rooms/garden                          every name is a room, and the address can be shared
 *   http://localhost:3000/rooms/staff?key=ahoy                  the one room that is not open to everybody
 *   http://localhost:3000/board/garden                          the board of that room
 *   http://localhost:3000/staff?key=ahoy                        who is where, announcements to all
 *
 *   curl http://localhost:3000/rooms/lobby/announce \
 *     -H 'content-type: application/json' -d '{"text": "There is cake in the kitchen"}'
 *
 *   npm run start:cluster                                       two processes on two ports, as one over Redis
 *   REDIS_URL=redis://localhost:6379 npm start                  one more of them
 *
 * Two tabs with one name are one person with two devices; another name, or another browser, is somebody else.
 *
 * Press Ctrl-C while people are in a room: they are told that the server goes away (close code 1001), keep what they have
 * typed, and are back in the room as soon as you start it again.
 */
import { randomUUID } from 'node:crypto';
import { createApp, type Broker } from 'halyard';
import { sampleApp } from './app.js';

const staffKey = process.env['STAFF_KEY'] ?? randomUUID();
const broker = await connect(process.env['REDIS_URL']);
const app = await createApp({ ...sampleApp(staffKey), ...(broker && { broker }), logger: { level: 'warn' } });
const { url } = await app.listen({ port: Number(process.env['PORT'] ?? 3000) });
console.log(`The chat is open: ${url}\nFor staff:        ${url}/staff?key=${encodeURIComponent(staffKey)}`);

/** Channels and presence are then those of all processes. What was said before is each one's own: it is in its memory. */
async function connect(url: string | undefined): Promise<Broker | undefined> {
  if (!url) return undefined;
  const { redisBroker } = await import('halyard/redis');
  return redisBroker({ url });
}
