import type { CloseInfo, Context, Dropped, Observer, Outcome, Stage } from 'halyard';

/** An observer that writes down what it is told. */
export class Journal implements Observer {
  readonly lines: string[] = [];
  readonly #waiting = new Map<string, () => void>();

  opened(c: Context): void {
    this.note(`opened ${c.request.path}`);
  }
  handled(_c: Context, { status }: Outcome): void {
    this.note(`handled ${status}`);
  }
  dropped(_c: Context, { reason }: Dropped): void {
    this.note(`dropped ${reason}`);
  }
  failed(error: unknown, _c: Context, stage: Stage): void {
    this.note(`failed ${stage}: ${(error as Error).message}`);
  }
  closed(_c: Context, { code, wasClean }: CloseInfo): void {
    this.note(`closed ${code}${wasClean ? '' : ' early'}`);
  }

  note(line: string): void {
    this.lines.push(line);
    this.#waiting.get(line)?.();
  }

  /** Resolves when a line has been written. */
  async saw(line: string): Promise<void> {
    if (!this.lines.includes(line)) await new Promise<void>((resolve) => this.#waiting.set(line, resolve));
  }
}
