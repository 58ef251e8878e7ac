import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** An HTTP response, read to its end. */
export interface TestResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Parsed where its content type is JSON, else its text. */
  readonly body: unknown;
}

/** The server answered an upgrade with an HTTP response instead of the 101. */
export class RefusedError extends Error {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;

  constructor(url: string, { status, headers, body }: TestResponse) {
    super(`${url} was refused: ${status} ${typeof body === 'string' ? body : JSON.stringify(body)}`);
    this.name = 'RefusedError';
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

/** Reads a response to its end. */
export async function readResponse(response: IncomingMessage): Promise<TestResponse> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers['content-type'] ?? '');
  // An empty one is no mistake: HEAD and 304 have the content type without the content.
  const body: unknown = isJson && text !== '' ? JSON.parse(text) : text;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
