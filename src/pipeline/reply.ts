import { serialize, type SerializeOptions } from 'cookie';

/** Attributes of a cookie: `maxAge` in seconds, `httpOnly`, `secure`, `sameSite`, `path`, … */
export type CookieOptions = SerializeOptions;

/**
 * Status, headers and cookies of the answer: the HTTP response, the 101 of an upgrade (headers and cookies), or its
 * refusal.
 */
export class Reply {
  statusCode: number | undefined;
  readonly headers: [name: string, value: string][] = [];

  status(code: number): this {
    this.statusCode = code;
    return this;
  }

  /** Sets a header; a second call with the same name replaces the first, `set-cookie` excepted. */
  header(name: string, value: string): this {
    const lower = name.toLowerCase();
    const at = lower === 'set-cookie' ? -1 : this.headers.findIndex(([other]) => other.toLowerCase() === lower);
    if (at === -1) this.headers.push([name, value]);
    else this.headers[at] = [name, value];
    return this;
  }

  /** Adds a `Set-Cookie` header. @default path '/' */
  cookie(name: string, value: string, options: CookieOptions = {}): this {
    return this.header('set-cookie', serialize(name, value, { path: '/', ...options }));
  }
}
