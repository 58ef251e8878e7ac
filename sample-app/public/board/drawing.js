/** The lines of a board: those that the server has, in its order, and on top the own ones that are on their way to it. */
export class Drawing {
  /** Whose lines are one's own. */
  you = '';
  #onChange;
  #lines = new Map();
  #own = new Set();

  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** All that is to be drawn, the oldest first. */
  *[Symbol.iterator]() {
    yield* this.#lines.values();
    yield* this.#own;
  }

  get isEmpty() {
    return this.#lines.size + this.#own.size === 0;
  }

  /** How many lines there are, and by how many people. */
  count() {
    return { lines: this.#lines.size, people: new Set([...this.#lines.values()].map(({ by }) => by)).size };
  }

  /** All that the server has; what it had taken and has not any more is gone. */
  reset(strokes) {
    this.#lines.clear();
    for (const stroke of strokes) this.#join(stroke);
    for (const line of this.#own) if (line.lastPart !== undefined) this.#own.delete(line);
    this.#onChange();
  }

  add(stroke) {
    this.#join(stroke);
    for (const line of this.#own) this.#release(line);
    this.#onChange();
  }

  undo({ by, line }) {
    this.#lines.delete(keyOf(by, line));
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

  /** The server has taken all of it: once its last part has come back, it is shown as everybody sees it. */
  confirmOwn(line, lastPart) {
    line.lastPart = lastPart;
    this.#release(line);
    this.#onChange();
  }

  removeOwn(line) {
    this.#own.delete(line);
    this.#onChange();
  }

  /** The pieces of a line become one again: each begins where the last one has ended. */
  #join({ by, line, part, color, width, points }) {
    const key = keyOf(by, line);
    const known = this.#lines.get(key);
    if (known === undefined) this.#lines.set(key, { by, part, color, width, points: [...points] });
    else if (part > known.part) {
      known.points.push(...points.slice(2));
      known.part = part;
    }
  }

  #release(line) {
    if (this.#lines.get(keyOf(this.you, line.id))?.part >= line.lastPart) this.#own.delete(line);
  }
}

function keyOf(by, line) {
  return `${by} ${line}`;
}
