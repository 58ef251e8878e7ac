import { ServerResponse, type IncomingMessage } from 'node:http';

/** The response that middleware gets at an upgrade: it has no socket, and keeps what it is told. */
export class CapturedResponse extends ServerResponse {
  readonly ended: Promise<void>;
  readonly #chunks: Buffer[] = [];
  readonly #end: () => void;

  constructor(raw: IncomingMessage) {
    super(raw);
    let end!: () => void;
    this.ended = new Promise((resolve) => (end = resolve));
    this.#end = end;
  }

  /** What was written, as text. */
  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }

  /** Fires what waits for the head, which may set headers, and for the end, which may save a session. */
  commit(): Promise<void> {
    this.statusCode = 101;
    if (!this.headersSent) this.writeHead(101);
    this.end();
    return this.ended;
  }

  /** Node would write headers that are given here into the head alone, where nobody could read them. */
  override writeHead(status: number, ...rest: unknown[]): this {
    const headers = rest.at(-1);
    if (typeof headers === 'object' && headers !== null) {
      const entries = Array.isArray(headers) ? pairsOf(headers) : Object.entries(headers);
      for (const [name, value] of entries) if (value !== undefined) this.setHeader(name, value as string);
    }
    return super.writeHead(status);
  }

  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (!this.headersSent) this.writeHead(this.statusCode);
    this.#note(chunk, rest[0]);
    const written = rest.find(isFunction);
    if (written) process.nextTick(written);
    return true;
  }

  override end(...args: unknown[]): this {
    if (this.writableEnded) return this;
    if (!this.headersSent) this.writeHead(this.statusCode);
    this.#note(args[0], args[1]);
    // Without a socket Node would never tell that it is out.
    super.end(args.find(isFunction));
    process.nextTick(() => this.emit('finish'));
    this.#end();
    return this;
  }

  #note(chunk: unknown, encoding: unknown): void {
    if (typeof chunk === 'string') this.#chunks.push(Buffer.from(chunk, encoding as BufferEncoding | undefined));
    else if (chunk instanceof Uint8Array) this.#chunks.push(Buffer.from(chunk));
  }
}

function isFunction(value: unknown): value is () => void {
  return typeof value === 'function';
}

function pairsOf(list: readonly unknown[]): (readonly [name: string, value: unknown])[] {
  if (Array.isArray(list[0])) return list as [string, unknown][];
  return list.flatMap((name, at) => (at % 2 === 0 ? [[name as string, list[at + 1]] as const] : []));
}
