import type { WebSocket } from 'ws';

interface Metas {
  readonly metas: readonly { readonly phx_ref: string; readonly name: string; readonly state: string }[];
}

/** Presence of one room, written by hand with care: what a tick brings is one diff for all, and one state for the new ones. */
export class Room {
  readonly #members = new Map<WebSocket, Record<string, Metas>>();
  #joining = new Map<WebSocket, Record<string, Metas>>();
  #refs = 0;

  constructor(private readonly name: string) {}

  get isEmpty(): boolean {
    return this.#members.size === 0 && this.#joining.size === 0;
  }

  join(socket: WebSocket, user: string): void {
    if (this.#joining.size === 0) setImmediate(() => this.#flush());
    this.#refs += 1;
    this.#joining.set(socket, { [user]: { metas: [{ phx_ref: String(this.#refs), name: user, state: 'online' }] } });
  }

  leave(socket: WebSocket): void {
    this.#members.delete(socket);
    this.#joining.delete(socket);
  }

  #flush(): void {
    const joining = this.#joining;
    this.#joining = new Map();
    const joins = merged(joining.values());
    const diff = JSON.stringify({ event: 'presence_diff', channel: this.name, payload: { joins, leaves: {} } });
    for (const member of this.#members.keys()) member.send(diff);
    for (const [socket, user] of joining) this.#members.set(socket, user);
    const payload = merged(this.#members.values());
    const state = JSON.stringify({ event: 'presence_state', channel: this.name, payload });
    for (const socket of joining.keys()) socket.send(state);
  }
}

function merged(users: Iterable<Record<string, Metas>>): Record<string, Metas> {
  const all: Record<string, Metas> = {};
  for (const user of users) Object.assign(all, user);
  return all;
}
