import {
  Body,
  Channels,
  Connection,
  Controller,
  each,
  Json,
  OnConnect,
  Presence,
  UseGuards,
  UseInterceptors,
  UsePipes,
  WebSocket,
} from 'halyard';
import { handle, perMessage, type ChatMessage } from '../work.js';
import { ChatMessageDto } from './chat-message.dto.js';
import {
  CountingPipe,
  FirstGuard,
  FirstInterceptor,
  SecondGuard,
  SecondInterceptor,
  ThirdInterceptor,
} from './halyard-components.js';

@Controller('echo')
export class EchoController {
  @WebSocket()
  echo(@Body(Json) message: ChatMessage): ChatMessage {
    return handle(message);
  }
}

@Controller('validated')
export class ValidatedController {
  @WebSocket()
  echo(@Body() message: ChatMessageDto): ChatMessageDto {
    return handle(message);
  }
}

@Controller('guarded')
export class GuardedController {
  @UseGuards(each('message', FirstGuard), each('message', SecondGuard))
  @UseInterceptors(FirstInterceptor, SecondInterceptor, ThirdInterceptor)
  @UsePipes(CountingPipe)
  @WebSocket()
  echo(@Body(Json) message: ChatMessage): ChatMessage {
    return handle(message);
  }
}

@Controller('subscribe')
export class SubscribeController {
  @OnConnect()
  async enter(connection: Connection): Promise<string> {
    await connection.join('everybody');
    return 'ready';
  }
}

@Controller('publish')
export class PublishController {
  @WebSocket()
  publish(@Body(Json) message: ChatMessage, connection: Connection): void {
    void connection.publish('everybody', handle(message));
  }
}

@Controller('publish-empty')
export class PublishEmptyController {
  constructor(private readonly channels: Channels) {}

  @WebSocket()
  async publish(@Body(Json) message: ChatMessage): Promise<ChatMessage> {
    for (let index = 0; index < perMessage; index += 1) await this.channels.publish('nobody', message);
    return handle(message);
  }
}

/** The first message joins channels that nobody else is in, the next one leaves them, and so on. */
@Controller('channels')
export class ChannelsController {
  @WebSocket()
  async toggle(@Body(Json) message: ChatMessage, connection: Connection): Promise<ChatMessage> {
    const joined = [...connection.channels];
    const names = Array.from({ length: perMessage }, (_, index) => `${connection.id}:${index}`);
    if (joined.length === 0) for (const name of names) await connection.join(name);
    else for (const name of joined) await connection.leave(name);
    return handle(message);
  }
}

@Controller('presence')
export class PresenceController {
  constructor(private readonly presence: Presence) {}

  @WebSocket()
  async join(@Body(Json) message: ChatMessage, connection: Connection): Promise<void> {
    const { room, author } = handle(message);
    await this.presence.track(connection, room, author, { name: author, state: 'online' });
  }
}
