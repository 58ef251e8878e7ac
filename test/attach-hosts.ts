/** Servers of other frameworks that Halyard is put on, each with an HTTP route and a WebSocket server of its own. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Body as NestBody,
  Controller as NestController,
  Get as NestGet,
  Module,
  Post as NestPost,
  type INestApplication,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import express from 'express';
import { fastify } from 'fastify';
import { RawClient, TestClient, type ConnectOptions } from 'halyard/testing';
import { closeLater } from '#internal/testing/closing.js';
import { WebSocketServer } from 'ws';

export interface HostOptions {
  /** Runs when the server exists, and nothing else is on it yet. */
  first?: (server: Server) => void | Promise<void>;
  /** Whether there is another WebSocket server, at `/theirs`. @default true */
  webSockets?: boolean;
}

export type StartHost = (options?: HostOptions) => Promise<Host>;

const host = '127.0.0.1';
const waitMs = 3000;

/** A listening server with `GET /page`, `POST /form` and a WebSocket at `/theirs` that sends back `{event: 'echo', data}`. */
export class Host {
  constructor(
    readonly server: Server,
    close: () => Promise<unknown>,
  ) {
    closeLater({
      abandon: async () => {
        const closed = close();
        server.closeAllConnections();
        await closed;
      },
    });
  }

  get url(): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  client(path: string, options: ConnectOptions = {}): TestClient {
    const client = new TestClient(this.url.replace('http', 'ws') + path, options, waitMs);
    closeLater(client);
    return client;
  }

  connect(path: string, options?: ConnectOptions): Promise<TestClient> {
    return this.client(path, options).opened();
  }

  async raw(): Promise<RawClient> {
    const client = await RawClient.connect(this.url, waitMs);
    closeLater(client);
    return client;
  }

  get(path: string): Promise<Response> {
    return fetch(this.url + path, { redirect: 'manual', headers: { connection: 'close' } });
  }

  post(path: string, body: unknown): Promise<Response> {
    const headers = { connection: 'close', 'content-type': 'application/json' };
    return fetch(this.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}

/** What has no framework. */
export const startPlain: StartHost = async ({ first, webSockets = true } = {}) => {
  const server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      response.end(body === '' ? 'their page' : `their form: ${(JSON.parse(body) as { name: string }).name}`);
    })();
  });
  await first?.(server);
  const theirs = webSockets ? echoServer(server) : undefined;
  await listen(server);
  return new Host(server, () => closeServer(server, theirs));
};

export const startExpress: StartHost = async ({ first, webSockets = true } = {}) => {
  const app = express();
  app.get('/page', (_request, response) => void response.send('their page'));
  app.post('/form', express.json(), (request, response) => {
    response.send(`their form: ${(request.body as { name: string }).name}`);
  });
  const server = createServer(app);
  await first?.(server);
  const theirs = webSockets ? echoServer(server) : undefined;
  await listen(server);
  return new Host(server, () => closeServer(server, theirs));
};

export const startFastify: StartHost = async ({ first, webSockets = true } = {}) => {
  const app = fastify();
  app.get('/page', () => 'their page');
  app.post('/form', (request) => `their form: ${(request.body as { name: string }).name}`);
  await first?.(app.server);
  const theirs = webSockets ? echoServer(app.server) : undefined;
  await app.listen({ port: 0, host });
  return new Host(app.server, async () => {
    terminate(theirs);
    await app.close();
  });
};

@NestController()
class PageController {
  @NestGet('page')
  page(): string {
    return 'their page';
  }

  @NestPost('form')
  form(@NestBody() body: { name: string }): string {
    return `their form: ${body.name}`;
  }
}

@WebSocketGateway({ path: '/theirs' })
class EchoGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: string): { event: string; data: string } {
    return { event: 'echo', data };
  }
}

@Module({ controllers: [PageController] })
class PageModule {}

@Module({ imports: [PageModule], providers: [EchoGateway] })
class GatewayModule {}

/** `configure` is called before Nest adds its body parsers and routes. */
export async function startNest(
  { first, webSockets = true }: HostOptions = {},
  configure?: (nest: INestApplication<Server>) => void,
): Promise<Host> {
  const module = webSockets ? GatewayModule : PageModule;
  const nest = await NestFactory.create<INestApplication<Server>>(module, { logger: false, abortOnError: false });
  if (webSockets) nest.useWebSocketAdapter(new WsAdapter(nest));
  configure?.(nest);
  await first?.(nest.getHttpServer());
  await nest.listen(0, host);
  return new Host(nest.getHttpServer(), () => nest.close());
}

/** All hosts, by the names that they have in tests. */
export const hosts: readonly (readonly [name: string, start: StartHost])[] = [
  ['a plain server', startPlain],
  ['Express', startExpress],
  ['Fastify', startFastify],
  ['Nest', startNest],
];

export async function listen(server: Server): Promise<void> {
  await once(server.listen(0, host), 'listening');
}

export async function closeServer(server: Server, webSockets?: WebSocketServer): Promise<void> {
  terminate(webSockets);
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

function echoServer(server: Server): WebSocketServer {
  const webSockets = new WebSocketServer({ server, path: '/theirs' });
  webSockets.on('connection', (ws) => ws.on('message', (data) => ws.send(data, { binary: false })));
  return webSockets;
}

function terminate(webSockets: WebSocketServer | undefined): void {
  for (const client of webSockets?.clients ?? []) client.terminate();
}
