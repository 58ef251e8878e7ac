import { Injectable } from 'halyard';
import { Board } from './board.js';
import type { Stroke } from './stroke.js';

const maxBoards = 100;

/**
 * The boards of all rooms, in the memory of this process. Of several processes each remembers what was drawn through it:
 * those who are there see all of it, those who come later see what their process has.
 */
@Injectable()
export class BoardStore {
  readonly #boards = new Map<string, Board>();

  strokes(room: string): Stroke[] {
    return this.#boards.get(room)?.all() ?? [];
  }

  /** False: it is there already. */
  add(room: string, stroke: Stroke): boolean {
    const board = this.#boards.get(room) ?? new Board();
    // Taken out and put back, the board is the newest of the map; the oldest one is forgotten.
    this.#boards.delete(room);
    this.#boards.set(room, board);
    const [oldest] = this.#boards.keys();
    if (this.#boards.size > maxBoards) this.#boards.delete(oldest!);
    return board.add(stroke);
  }

  /** Takes the last line of a person away, and tells which one it was. */
  undo(room: string, by: string): number | undefined {
    return this.#boards.get(room)?.undo(by);
  }

  clear(room: string): void {
    this.#boards.delete(room);
  }
}
