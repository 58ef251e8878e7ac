/** The code of docs/http.md, run. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { App } from 'halyard';
import { TestClient } from 'halyard/testing';
import { Document } from '../support/document.js';

let doc: Document;

beforeAll(() => {
  doc = new Document('docs/http.md', {
    'On a server that exists': `
      import { createServer } from 'node:http';
      import framework from 'express';
      const express = framework();
      const server = createServer(express);
      @Controller('room')
      class RoomController {
        @WebSocket()
        echo(@Body() text: string): string {
          return text;
        }
        @Get('about')
        about(): string {
          return 'a room';
        }
      }`,
  });
}, 60_000);
afterAll(() => doc?.close());

describe('docs/http.md', () => {
  it('puts an app on a server that exists', async () => {
    const { app, detach, express, server } = await doc.module<{
      app: App;
      detach(): void;
      express: { get(path: string, handler: (request: unknown, response: { send(body: string): void }) => void): void };
      server: Server;
    }>('On a server that exists');
    try {
      express.get('/theirs', (_request, response) => response.send('theirs'));
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const read = (path: string): Promise<string> =>
        fetch(`http://127.0.0.1:${port}${path}`).then((got) => got.text());
      expect([await read('/room/about'), await read('/theirs')]).toEqual(['a room', 'theirs']);
      const client = await new TestClient(`ws://127.0.0.1:${port}/room`, {}, 3000).opened();
      client.send('hi');
      expect(await client.next()).toBe('hi');
      await client.close();
      detach();
      // No upgrades any more; requests still.
      expect(await new TestClient(`ws://127.0.0.1:${port}/room`, {}, 3000).refused()).toMatchObject({ status: 426 });
    } finally {
      await app.close();
      server.close();
      server.closeAllConnections();
    }
  });

  it('has no code that is not run', () => {
    expect(doc.untaken).toEqual([]);
  });
});
