import { randomUUID } from 'node:crypto';
import type { Person } from '../entrance/person.js';

/** What a room shows: what somebody said, to all or to one, and what was announced. */
export interface Post {
  id: string;
  /** Milliseconds since 1970. */
  at: number;
  kind: 'message' | 'private' | 'announcement';
  text: string;
  /** Who said it; nobody has said an announcement. */
  author?: Person;
  /** Of a private message: to whom, and in which room, for it reaches all tabs of that person. */
  to?: Person;
  room?: string;
}

export function newPost(content: Omit<Post, 'id' | 'at'>): Post {
  return { id: randomUUID(), at: Date.now(), ...content };
}
