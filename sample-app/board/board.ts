import type { Stroke } from './stroke.js';

const maxStrokes = 3000;
/** What somebody who comes late is sent at once: some 200 kB. */
const maxNumbers = 40_000;

/** The strokes of one board, in the order in which they were drawn. The oldest ones give way. */
export class Board {
  readonly #strokes = new Map<string, Stroke>();
  #numbers = 0;

  all(): Stroke[] {
    return [...this.#strokes.values()];
  }

  /** False: it is there already. A client that has had no answer sends a stroke again. */
  add(stroke: Stroke): boolean {
    const key = `${stroke.by} ${stroke.line} ${stroke.part}`;
    if (this.#strokes.has(key)) return false;
    this.#strokes.set(key, stroke);
    this.#numbers += stroke.points.length;
    for (const [oldest] of this.#strokes) {
      if (this.#strokes.size <= maxStrokes && this.#numbers <= maxNumbers) break;
      this.#delete(oldest);
    }
    return true;
  }

  /** Takes the last line of a person away, and tells which one it was. */
  undo(by: string): number | undefined {
    const line = this.all().findLast((stroke) => stroke.by === by)?.line;
    for (const [key, stroke] of this.#strokes) {
      if (stroke.by === by && stroke.line === line) this.#delete(key);
    }
    return line;
  }

  #delete(key: string): void {
    this.#numbers -= this.#strokes.get(key)?.points.length ?? 0;
    this.#strokes.delete(key);
  }
}
