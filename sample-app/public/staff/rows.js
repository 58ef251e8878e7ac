import { make } from '../shared/page.js';

/** The rows of a table, one a key. A row that stays is the same element, so that what has the focus in it keeps it. */
export class Rows {
  #body;
  #create;
  #rows = new Map();

  /** @param create makes the cells of a new row: `(key) => elements` */
  constructor(body, create) {
    this.#body = body;
    this.#create = create;
  }

  /** Shows these keys in this order, and calls `fill(row, key)` for each. */
  show(keys, fill) {
    for (const [key, row] of this.#rows) {
      if (keys.includes(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    for (const [index, key] of keys.entries()) {
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = make('tr');
        row.append(...this.#create(key));
        this.#rows.set(key, row);
      }
      if (this.#body.children[index] !== row) this.#body.insertBefore(row, this.#body.children[index] ?? null);
      fill(row, key);
    }
  }
}
