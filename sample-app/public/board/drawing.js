/** The strokes of a board: what the server has confirmed, in its order, and on top the own lines that it has not. */
export class Drawing {
  /** Whose lines are one's own. */
  you = '';
  #onChange;
  #strokes = new Map();
  #own = new Set();

  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** All that is to be drawn, the oldest first. */
  *[Symbol.iterator]() {
    yield* this.#strokes.values();
    yield* this.#own;
  }

  get isEmpty() {
    return this.#strokes.size + this.#own.size === 0;
  }

  /** How many lines there are, and by how many people. */
  count() {
    const strokes = [...this.#strokes.values()];
    return {
      lines: new Set(strokes.map(({ by, line }) => `${by} ${line}`)).size,
      people: new Set(strokes.map(({ by }) => by)).size,
    };
  }

  /** All that the server has; what it had confirmed and has not any more is gone. */
  reset(strokes) {
    this.#strokes = new Map(strokes.map((stroke) => [keyOf(stroke), stroke]));
    for (const line of this.#own) if (line.lastPart !== undefined) this.#own.delete(line);
    this.#onChange();
  }

  add(stroke) {
    this.#strokes.set(keyOf(stroke), stroke);
    for (const line of this.#own) this.#release(line);
    this.#onChange();
  }

  undo({ by, line }) {
    for (const [key, stroke] of this.#strokes) if (stroke.by === by && stroke.line === line) this.#strokes.delete(key);
    this.#onChange();
  }

  /** A line of one's own, which grows: it is shown before the server knows of it. */
  addOwn(line) {
    this.#own.add(line);
    this.#onChange();
  }

  grown() {
    this.#onChange();
  }

  /** The server has all of it: once its last part has come back, it is shown as everybody sees it. */
  confirmOwn(line, lastPart) {
    line.lastPart = lastPart;
    this.#release(line);
    this.#onChange();
  }

  removeOwn(line) {
    this.#own.delete(line);
    this.#onChange();
  }

  #release(line) {
    const last = { by: this.you, line: line.id, part: line.lastPart };
    if (this.#strokes.has(keyOf(last))) this.#own.delete(line);
  }
}

function keyOf({ by, line, part }) {
  return `${by} ${line} ${part}`;
}
