/**
 * One node of the chaos suite: an app on a broker, in a process of its own.
 *
 *   node build/test/chaos/node.js '{"engine":"redis","url":"redis://…","name":"a","heartbeat":500,"lease":2000}'
 *
 * It tells its parent where it listens and when its link changes, and answers what it sees.
 */
import {
  Body,
  BrokerUnavailableError,
  Connection,
  Controller,
  createApp,
  Json,
  OnConnect,
  Presence,
  Query,
  WebSocket,
  type Broker,
} from 'halyard';
import { natsBroker } from 'halyard/nats';
import { redisBroker } from 'halyard/redis';
import type { FromNode, NodeArguments, Seen, ToNode } from './messages.js';

interface Named {
  readonly channel: string;
}

@Controller('chaos')
class ChaosController {
  @OnConnect()
  enter(@Query('user') user: string, connection: Connection): void {
    connection.user = user;
  }

  @WebSocket({ event: 'join' })
  join(@Body(Json) { channel }: Named, connection: Connection): Promise<void> {
    return connection.join(channel, { gaps: true, presence: true });
  }

  @WebSocket({ event: 'leave' })
  leave(@Body(Json) { channel }: Named, connection: Connection): Promise<void> {
    return connection.leave(channel);
  }

  @WebSocket({ event: 'track' })
  track(@Body(Json) { channel, meta }: Named & { meta: Record<string, unknown> }, connection: Connection) {
    return connection.track(channel, connection.user, meta);
  }

  @WebSocket({ event: 'untrack' })
  untrack(@Body(Json) { channel }: Named, connection: Connection): Promise<void> {
    return connection.untrack(channel);
  }

  /** Many at once: an outage must not hold back what else the client does. */
  @WebSocket({ event: 'publish', order: { concurrent: 1000 } })
  async publish(@Body(Json) { channel, id }: Named & { id: string }, connection: Connection): Promise<string> {
    try {
      await connection.publish(channel, { id }, { event: 'said' });
      return 'acknowledged';
    } catch (error) {
      if (error instanceof BrokerUnavailableError) return error.outcome;
      throw error;
    }
  }
}

const { engine, url, name, heartbeat, lease, channels } = JSON.parse(process.argv[2]!) as NodeArguments;
const broker: Broker = engine === 'redis' ? redisBroker({ url }) : natsBroker({ servers: url });
const say = (message: FromNode): void => void process.send?.(message);
broker.onLink((link) => say({ type: 'link', link, at: Date.now() }));

const app = await createApp({
  controllers: [ChaosController],
  broker,
  node: { name, heartbeat, lease },
  logger: { level: process.env['CHAOS_LOG'] ?? 'fatal' },
  // Stopped processes and engines are the point here, not the timeout of messages.
  timeout: '60s',
  maxQueue: 2000,
  shutdown: { timeout: '5s' },
});
const presence = app.get(Presence);
// Every node needs every channel, whoever is connected to it: what is compared are lists that are kept, not asked for.
for (const channel of channels) presence.onJoin(channel, () => undefined);

async function see(): Promise<Seen> {
  const seen: Seen = { link: broker.health().link, presence: {}, metrics: presence.metrics() };
  for (const channel of channels) {
    seen.presence[channel] = (await presence.list(channel)).flatMap(({ key, metas }) =>
      metas.map(({ phx_ref: _ref, connectionId: _id, joinedAt: _at, ...meta }) => `${key} ${JSON.stringify(meta)}`),
    );
    seen.presence[channel].sort();
  }
  return seen;
}

process.on('message', ({ id }: ToNode) => {
  void see().then((seen) => say({ type: 'seen', id, seen }));
});
// Without its parent there is nobody to stop it.
process.on('disconnect', () => process.exit(0));

const { port } = await app.listen({ port: 0, host: '127.0.0.1' });
say({ type: 'listening', port });
