import { hueOf } from '../shared/avatar.js';
import { make } from '../shared/page.js';
import { boardHeight, boardWidth } from './surface.js';

/** As many places a second as the eye needs, and fewer than the server allows. */
const everyMs = 40;
/** Above so many bytes that have not left this device, the next place will do. */
const maxBufferedBytes = 1000;
const idleMs = 10_000;
const arrow = 'M1 1l6 15 2.3-6.7L16 7z';

/** The cursors of the others, as they move; and one's own, for the others. */
export class Cursors {
  #layer;
  #people;
  #cursors = new Map();
  #place;
  #timer;

  /** @param people knows the names of those who are there */
  constructor(layer, people) {
    this.#layer = layer;
    this.#people = people;
  }

  /** A frame of the server: 8 bytes that say who it is, then x and y, 16 bits each. */
  receive(buffer) {
    const bytes = new Uint8Array(buffer);
    const view = new DataView(buffer);
    const id = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const person = this.#people.get(id);
    if (person) this.#show(person, view.getUint16(8), view.getUint16(10));
  }

  /** Takes away the cursors of those who have left. */
  showPeople() {
    for (const [id, cursor] of this.#cursors) if (!this.#people.has(id)) this.#hide(id, cursor);
  }

  /** Tells the others where we are, in at most 25 frames a second. */
  tell(socket, x, y) {
    this.#place = [x, y];
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (socket.bufferedAmount < maxBufferedBytes) socket.sendBytes(frameOf(this.#place));
    }, everyMs);
  }

  #show({ id, name }, x, y) {
    const cursor = this.#cursors.get(id) ?? this.#create(id, name);
    clearTimeout(cursor.timer);
    cursor.timer = setTimeout(() => this.#hide(id, cursor), idleMs);
    cursor.element.style.left = `${(x / boardWidth) * 100}%`;
    cursor.element.style.top = `${(y / boardHeight) * 100}%`;
    // At the right edge the name stands on the other side.
    cursor.element.classList.toggle('turned', x > boardWidth * 0.75);
  }

  #create(id, name) {
    const element = make('div', 'cursor');
    element.style.setProperty('--hue', hueOf(id));
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 18 18');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', arrow);
    svg.append(path);
    element.append(svg, make('span', 'cursor-name', name));
    this.#layer.append(element);
    const cursor = { element, timer: undefined };
    this.#cursors.set(id, cursor);
    return cursor;
  }

  #hide(id, { element, timer }) {
    clearTimeout(timer);
    element.remove();
    this.#cursors.delete(id);
  }
}

function frameOf([x, y]) {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, x);
  view.setUint16(2, y);
  return view.buffer;
}
