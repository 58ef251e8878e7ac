/** NestJS with its adapter for `ws`, Express underneath, as its documentation shows gateways. */
import {
  Injectable,
  Module,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type CanActivate,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Observable } from 'rxjs';
import { map } from 'rxjs';
import type { WebSocket } from 'ws';
import { counters, handle, type ChatMessage } from '../work.js';
import { ChatMessageDto } from './chat-message.dto.js';
import { host, serve } from './server.js';

const answer = <T>(data: T): { event: string; data: T } => ({ event: 'message', data });

@WebSocketGateway({ path: '/echo' })
class EchoGateway {
  @SubscribeMessage('message')
  echo(@MessageBody() message: ChatMessage): unknown {
    return answer(handle(message));
  }
}

@WebSocketGateway({ path: '/validated' })
class ValidatedGateway {
  @SubscribeMessage('message')
  @UsePipes(new ValidationPipe({ whitelist: true, transform: true }))
  echo(@MessageBody() message: ChatMessageDto): unknown {
    return answer(handle(message));
  }
}

@Injectable()
class FirstGuard implements CanActivate {
  canActivate(): boolean {
    counters.guards += 1;
    return true;
  }
}

@Injectable()
class SecondGuard extends FirstGuard {}

@Injectable()
class FirstInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    counters.interceptors += 1;
    return next.handle().pipe(
      map((value: unknown) => {
        counters.interceptors += 1;
        return value;
      }),
    );
  }
}

@Injectable()
class SecondInterceptor extends FirstInterceptor {}

@Injectable()
class ThirdInterceptor extends FirstInterceptor {}

@Injectable()
class CountingPipe implements PipeTransform {
  transform(value: unknown): unknown {
    counters.pipes += 1;
    return value;
  }
}

@WebSocketGateway({ path: '/guarded' })
class GuardedGateway {
  @UseGuards(FirstGuard, SecondGuard)
  @UseInterceptors(FirstInterceptor, SecondInterceptor, ThirdInterceptor)
  @UsePipes(CountingPipe)
  @SubscribeMessage('message')
  echo(@MessageBody() message: ChatMessage): unknown {
    return answer(handle(message));
  }
}

/** There are no rooms: who subscribes is kept, as on bare `ws`. */
const subscribers = new Set<WebSocket>();

@WebSocketGateway({ path: '/subscribe' })
class SubscribeGateway implements OnGatewayConnection<WebSocket>, OnGatewayDisconnect<WebSocket> {
  handleConnection(client: WebSocket): void {
    subscribers.add(client);
    client.send('ready');
  }

  handleDisconnect(client: WebSocket): void {
    subscribers.delete(client);
  }
}

@WebSocketGateway({ path: '/publish' })
class PublishGateway {
  @SubscribeMessage('message')
  publish(@MessageBody() message: ChatMessage): void {
    const text = JSON.stringify(answer(handle(message)));
    for (const subscriber of subscribers) subscriber.send(text);
  }
}

@Module({
  providers: [EchoGateway, ValidatedGateway, GuardedGateway, SubscribeGateway, PublishGateway],
})
class BenchModule {}

serve(async () => {
  const app = await NestFactory.create(BenchModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, host);
  return ((app.getHttpServer() as Server).address() as AddressInfo).port;
});
