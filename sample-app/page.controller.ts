import { readFile } from 'node:fs/promises';
import { Controller, Get, HttpError, Param, Reply } from 'halyard';

/** Compiled, this file is build/sample-app/page.controller.js; the page itself is not compiled. */
const folder = new URL('../../sample-app/public/', import.meta.url);
const types: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'client.js': 'text/javascript; charset=utf-8',
  'message-log.js': 'text/javascript; charset=utf-8',
  'room-socket.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};
/** Nothing but our own files, no inline script or style, no frame around it: markup in a message could do nothing. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

@Controller()
export class PageController {
  /** The page of a room has the address of its WebSocket: the `Upgrade` header tells the two apart. */
  @Get()
  @Get('rooms/:room')
  page(reply: Reply) {
    return send('index.html', reply);
  }

  @Get('public/:file')
  file(@Param('file') file: string, reply: Reply) {
    return send(file, reply);
  }
}

function send(file: string, reply: Reply): Promise<Buffer> {
  const type = Object.hasOwn(types, file) ? types[file] : undefined;
  if (type === undefined) throw new HttpError(404);
  reply.header('content-type', type).header('cache-control', 'no-cache');
  reply.header('content-security-policy', policy).header('x-content-type-options', 'nosniff');
  reply.header('referrer-policy', 'no-referrer');
  return readFile(new URL(file, folder));
}
