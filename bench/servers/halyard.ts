/** Halyard with its defaults and an observer. Limits are raised, none is off. */
import {
  Body,
  Connection,
  Controller,
  createApp,
  Json,
  OnConnect,
  WebSocket,
  type Context,
  type Observer,
  type Outcome,
} from 'halyard';
import { counters, echo, type ChatMessage } from '../work.js';
import { host, serve } from './server.js';

/** Counts what it is told, as one that feeds metrics does. */
class Traffic implements Observer {
  readonly #open = new Set<string>();

  opened(context: Context): void {
    this.#open.add(context.id);
  }

  handled(context: Context, outcome: Outcome): void {
    if (context.kind === 'message' && outcome.status === 'ok') counters.observed += 1;
  }

  dropped(): void {
    counters.lost += 1;
  }

  failed(): void {
    counters.lost += 1;
  }

  closed(context: Context): void {
    this.#open.delete(context.id);
  }
}

@Controller('echo')
class EchoController {
  @WebSocket()
  echo(@Body(Json) message: ChatMessage): ChatMessage {
    return echo(message);
  }
}

@Controller('subscribe')
class SubscribeController {
  @OnConnect()
  async enter(connection: Connection): Promise<string> {
    await connection.join('everybody');
    return 'ready';
  }
}

@Controller('publish')
class PublishController {
  @WebSocket()
  publish(@Body(Json) message: ChatMessage, connection: Connection): void {
    void connection.publish('everybody', echo(message));
  }
}

serve(async () => {
  const app = await createApp({
    controllers: [EchoController, SubscribeController, PublishController],
    use: [Traffic],
    limits: { connections: 50_000, handshakes: 10_000, channelsPerConnection: 200_000 },
    logger: { level: 'warn' },
  });
  const { port } = await app.listen({ port: 0, host });
  return port;
});
