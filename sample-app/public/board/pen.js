import { boardHeight, boardWidth, within } from './surface.js';

const stepUnits = 60;
const fineUnits = 10;

/**
 * Draws with whatever there is: a mouse, a finger, a pen, or the arrow keys. `onMove(x, y)` says where it is; `onStart(x, y)`
 * returns the line that is begun, or nothing where none can be; `onGrow(line)` and `onEnd(line)` say how it goes on.
 * `onKeyboard(place, isDown)` says where the keyboard draws, or with `undefined` that it does not any more.
 */
export class Pen {
  #surface;
  #listener;
  #line;
  /** Where the pointer was last. */
  #pointer = {};
  #place = [boardWidth / 2, boardHeight / 2];

  constructor(surface, listener) {
    this.#surface = surface;
    this.#listener = listener;
  }

  drawOn(canvas) {
    canvas.addEventListener('pointerdown', (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#listener.onKeyboard(undefined);
      this.#end();
      this.#start(this.#surface.placeOf(event));
    });
    canvas.addEventListener('pointermove', (event) => event.isPrimary && this.#moved(event));
    for (const type of ['pointerup', 'pointercancel']) {
      canvas.addEventListener(type, (event) => event.isPrimary && this.#end());
    }
    canvas.addEventListener('keydown', (event) => this.#pressed(event));
    canvas.addEventListener('blur', () => {
      this.#end();
      this.#listener.onKeyboard(undefined);
    });
  }

  #moved(event) {
    // A browser also says that a pointer has moved when the page has changed below it.
    const { clientX, clientY } = event;
    if (clientX === this.#pointer.clientX && clientY === this.#pointer.clientY) return;
    this.#pointer = { clientX, clientY };
    // What the keyboard has begun it does not go on with.
    if (event.buttons === 0) this.#end();
    this.#listener.onKeyboard(undefined);
    // A fast pointer has been in more places than there are frames.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) this.#move(this.#surface.placeOf(each));
  }

  #pressed(event) {
    const [dx, dy] = directions[event.key] ?? [0, 0];
    const isSpace = event.key === ' ';
    if (event.ctrlKey || event.metaKey || event.altKey || (!isSpace && dx === 0 && dy === 0)) return;
    // The page does not scroll.
    event.preventDefault();
    const step = event.shiftKey ? fineUnits : stepUnits;
    const [x, y] = this.#place;
    if (!isSpace) this.#move([within(x + dx * step, boardWidth), within(y + dy * step, boardHeight)]);
    else if (this.#line) this.#end();
    else this.#start(this.#place);
    this.#listener.onKeyboard(this.#place, this.#line !== undefined);
  }

  #start([x, y]) {
    this.#line = this.#listener.onStart(x, y);
    this.#move([x, y]);
  }

  #move([x, y]) {
    this.#place = [x, y];
    this.#listener.onMove(x, y);
    const points = this.#line?.points;
    if (!points || (points.at(-2) === x && points.at(-1) === y)) return;
    points.push(x, y);
    this.#listener.onGrow(this.#line);
  }

  #end() {
    if (!this.#line) return;
    const line = this.#line;
    this.#line = undefined;
    this.#listener.onEnd(line);
  }
}

const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
