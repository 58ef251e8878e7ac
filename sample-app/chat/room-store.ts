import { Injectable } from 'halyard';
import type { Post } from './post.js';

const postsPerRoom = 50;
/** Rooms come into being by their address, so their number must be bounded as well. */
const maxRooms = 1000;

/**
 * The last posts of each room, in the memory of this process. An `@Injectable` class is made once, for all that ask for it.
 *
 * Of several processes each remembers what was said through it. A chat that keeps its history has a database in this place.
 */
@Injectable()
export class RoomStore {
  readonly #rooms = new Map<string, Post[]>();

  last(room: string): readonly Post[] {
    return this.#rooms.get(room) ?? [];
  }

  add(room: string, post: Post): Post {
    const posts = [...this.last(room), post].slice(-postsPerRoom);
    // Taken out and put back, the room is the newest of the map; the oldest one is forgotten.
    this.#rooms.delete(room);
    this.#rooms.set(room, posts);
    const [oldest] = this.#rooms.keys();
    if (this.#rooms.size > maxRooms) this.#rooms.delete(oldest!);
    return post;
  }
}
