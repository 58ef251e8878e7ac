/** The size of every board, in its own units. */
export const boardWidth = 4000;
export const boardHeight = 3000;
const colors = 6;
/** On a phone a fine line is still to be seen. */
const minWidthPx = 1.5;

/** The canvas: draws a drawing, at most once a frame, as large as the page shows it. */
export class Surface {
  #canvas;
  #drawing;
  #scheduled = false;
  #palette = [];

  constructor(canvas, drawing) {
    this.#canvas = canvas;
    this.#drawing = drawing;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#resize());
    this.#resize();
  }

  /** Draws when the next frame is due. */
  draw() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#draw();
    });
  }

  /** Where an event of the pointer is on the board. */
  placeOf({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    return [
      within(((clientX - left) / width) * boardWidth, boardWidth),
      within(((clientY - top) / height) * boardHeight, boardHeight),
    ];
  }

  #resize() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    const style = getComputedStyle(this.#canvas);
    this.#palette = Array.from({ length: colors }, (_, color) => style.getPropertyValue(`--pen-${color}`));
    this.#draw();
  }

  #draw() {
    const context = this.#canvas.getContext('2d');
    const scale = this.#canvas.width / boardWidth;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.lineCap = context.lineJoin = 'round';
    for (const { color, width, points } of this.#drawing) {
      context.strokeStyle = this.#palette[color];
      context.lineWidth = Math.max(width, (minWidthPx * devicePixelRatio) / scale);
      context.beginPath();
      trace(context, points);
      context.stroke();
    }
  }
}

/** Through the middle between each two points, with the points as what bends it. */
function trace(context, points) {
  context.moveTo(points[0], points[1]);
  for (let at = 2; at < points.length - 2; at += 2) {
    const [x, y, nextX, nextY] = points.slice(at, at + 4);
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  // A line without any length would not be drawn, its round ends neither: a dot has a little.
  const isDot = points.length === 2;
  context.lineTo(points.at(-2) + (isDot ? 0.1 : 0), points.at(-1));
}

export function within(value, max) {
  return Math.max(0, Math.min(max, Math.round(value)));
}
