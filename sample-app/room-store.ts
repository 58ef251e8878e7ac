import { randomUUID } from 'node:crypto';
import { Injectable } from 'halyard';

/** What is kept of a room: what somebody said, and what was announced. */
export interface Post {
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  kind: 'message' | 'announcement';
  /** Who said it; nobody has said an announcement. */
  author?: Author;
  text: string;
}

export interface Author {
  /** The same when somebody comes back, and another one's for nobody. */
  id: string;
  name: string;
}

const postsPerRoom = 50;
/** Rooms come into being by their address, so their number must be bounded as well. */
const maxRooms = 1000;

/** The last posts of each room, in memory. An `@Injectable` class is made once, for all that ask for it. */
@Injectable()
export class RoomStore {
  readonly #rooms = new Map<string, Post[]>();

  last(room: string): readonly Post[] {
    return this.#rooms.get(room) ?? [];
  }

  add(room: string, content: Pick<Post, 'kind' | 'author' | 'text'>): Post {
    const post = { id: randomUUID(), at: Date.now(), ...content };
    const posts = [...this.last(room), post].slice(-postsPerRoom);
    // Taken out and put back, the room is the newest of the map; the oldest one is forgotten.
    this.#rooms.delete(room);
    this.#rooms.set(room, posts);
    const [oldest] = this.#rooms.keys();
    if (this.#rooms.size > maxRooms) this.#rooms.delete(oldest!);
    return post;
  }
}
