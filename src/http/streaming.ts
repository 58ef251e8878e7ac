import { setImmediate as nextTurn } from 'node:timers/promises';
import { DROP } from '../pipeline/components.js';
import type { PostChain } from '../pipeline/plan.js';
import type { Exchange } from './exchange.js';
import { send, successHeaders, type HeaderList } from './outgoing.js';
import { Source, type ValueIterable } from './source.js';
import { eventStream } from './sse.js';
import { chunksOf, jsonLines, type StreamFormat } from './stream-format.js';
import { ValueStream } from './value-stream.js';

const eventStreamHeaders: HeaderList = [
  ['cache-control', 'no-cache, no-transform'],
  // nginx would hold events back until it has a bufferful.
  ['x-accel-buffering', 'no'],
];

/**
 * Sends a value at a time, pulled only as fast as the client reads. Ends when the iterable does, or when the context is
 * aborted: because the client has gone, or the server goes away. Rejects with what the iterable throws.
 */
export async function stream(
  exchange: Exchange,
  iterable: ValueIterable,
  post: PostChain,
  heartbeatMs: number,
): Promise<void> {
  const { c, endpoint, request } = exchange;
  const source = new Source(iterable, (error) => endpoint.observers.failed(error, c, 'stream'));
  const stop = (): void => {
    source.stop();
    exchange.stream?.finish();
  };
  c.streaming = true;
  c.onAbort = stop;
  if (c.signal.aborted || request.method === 'HEAD') stop();
  try {
    // What is thrown before there is a value still has a status of its own. Events may be long in coming, and the client
    // wants to know that it is connected.
    const first = source.next();
    await (endpoint.sse ? Promise.race([first, nextTurn()]) : first);
    const body = open(exchange, formatOf(exchange), heartbeatMs);
    for (let next = await first; next.done !== true; next = await source.next()) {
      const value = await post(c, next.value);
      if (value === DROP) endpoint.observers.dropped(c, 'interceptor');
      else await body.send(value);
      if (body.destroyed) source.stop();
    }
    body.finish();
  } catch (error) {
    if (source.stopped) return;
    source.stop();
    throw error;
  }
}

function open(exchange: Exchange, format: StreamFormat, heartbeatMs: number): ValueStream {
  const { c, endpoint } = exchange;
  const body = new ValueStream(format, heartbeatMs);
  const defaults = endpoint.sse ? eventStreamHeaders : [];
  exchange.stream = body;
  try {
    send(exchange, {
      status: c.reply.statusCode ?? endpoint.status ?? 200,
      headers: [...defaults, ...successHeaders(exchange)],
      content: { type: format.contentType, body },
    });
  } catch (error) {
    exchange.abandonStream();
    throw error;
  }
  return body;
}

function formatOf(exchange: Exchange): StreamFormat {
  if (exchange.endpoint.sse) return eventStream;
  const type = successHeaders(exchange).findLast(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return type === undefined || /ndjson/i.test(type) ? jsonLines : chunksOf(type);
}
