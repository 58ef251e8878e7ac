import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { Controller, Get, HttpError, Param, Redirect, Reply } from 'halyard';

/** Compiled, this file is build/sample-app/page.controller.js; the pages themselves are not compiled. */
const folder = new URL('../../sample-app/public/', import.meta.url);
/** What is there when the app starts: no address leads out of the folder. */
const files = new Set(
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => path.replace('\\', '/')),
);
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
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
  chat(reply: Reply) {
    return send('chat/index.html', reply);
  }

  @Get('board/:room')
  board(reply: Reply) {
    return send('board/index.html', reply);
  }

  @Get('board')
  @Redirect('/board/lobby')
  toBoard() {}

  @Get('staff')
  staff(reply: Reply) {
    return send('staff/index.html', reply);
  }

  @Get('public/:folder/:file')
  file(@Param('folder') name: string, @Param('file') file: string, reply: Reply) {
    return send(`${name}/${file}`, reply);
  }
}

function send(path: string, reply: Reply): Promise<Buffer> {
  const type = files.has(path) ? types[extname(path)] : undefined;
  if (type === undefined) throw new HttpError(404);
  reply.header('content-type', type).header('cache-control', 'no-cache');
  reply.header('content-security-policy', policy).header('x-content-type-options', 'nosniff');
  reply.header('referrer-policy', 'no-referrer');
  return readFile(new URL(path, folder));
}
