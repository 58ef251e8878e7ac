/** The code of docs/auth.md: what stands there stands here. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import { IsString } from 'class-validator';
import session from 'express-session';
import {
  Body,
  connect,
  Connection,
  Connections,
  Controller,
  Data,
  Get,
  HttpError,
  Inject,
  Injectable,
  Post,
  Reply,
  SetHeader,
  UseGuards,
  WebSocket,
  type Guard,
  type HttpContext,
  type UpgradeContext,
} from 'halyard';

// --- Tokens

export const SECRET = Symbol('secret');
export const lifetimeMs = 8 * 3_600_000;

@Injectable()
export class Clock {
  now(): number {
    return Date.now();
  }
}

/** Signed tokens `<claims>.<signature>`. */
@Injectable()
export class Tokens {
  constructor(
    @Inject(SECRET) private readonly secret: string,
    private readonly clock: Clock,
  ) {}

  issue(user: string): string {
    const claims = JSON.stringify({ user, expires: this.clock.now() + lifetimeMs });
    const encoded = Buffer.from(claims).toString('base64url');
    return `${encoded}.${this.#sign(encoded)}`;
  }

  /** The user of a token that is ours and has not expired. */
  verify(token = ''): string | undefined {
    const [encoded = '', signature = ''] = token.split('.');
    const given = Buffer.from(signature);
    const expected = Buffer.from(this.#sign(encoded));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const { user, expires } = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as {
      user: string;
      expires: number;
    };
    return this.clock.now() < expires ? user : undefined;
  }

  #sign(text: string): string {
    return createHmac('sha256', this.secret).update(text).digest('base64url');
  }
}

// --- 1. A cookie

export class Login {
  @IsString() name!: string;
  @IsString() password!: string;
}

@Injectable()
export class Users {
  /** Yours: a database, and a password hash such as scrypt. */
  check({ name, password }: Login): Promise<boolean> {
    return Promise.resolve(name === 'ada' && password === 'analytical');
  }
}

@Controller('session')
export class SessionController {
  constructor(
    private readonly users: Users,
    private readonly tokens: Tokens,
  ) {}

  @Post('login')
  async login(@Body() login: Login, reply: Reply): Promise<void> {
    if (!(await this.users.check(login))) throw new HttpError(401, 'wrong name or password');
    reply.cookie('session', this.tokens.issue(login.name), {
      httpOnly: true,
      sameSite: 'lax',
      secure: process.env['NODE_ENV'] === 'production',
      maxAge: lifetimeMs / 1000,
    });
  }

  @Post('logout')
  logout(reply: Reply): void {
    reply.cookie('session', '', { httpOnly: true, maxAge: 0 });
  }
}

@Injectable()
export class HasCookie implements Guard {
  constructor(private readonly tokens: Tokens) {}

  canActivate(c: HttpContext | UpgradeContext): boolean {
    const user = this.tokens.verify(c.request.cookies['session']);
    if (user === undefined) throw new HttpError(401, 'sign in first');
    if (c.kind === 'upgrade') c.user = user;
    c.data['user'] = user;
    return true;
  }
}

@Controller('rooms/:room')
@UseGuards(HasCookie)
export class RoomController {
  @WebSocket()
  post(@Body() text: string, connection: Connection): string {
    return `${connection.user}: ${text}`;
  }

  @Get('me')
  me(@Data('user') user: string): string {
    return user;
  }
}

// --- 2. express-session

export const sessions = connect(
  session({
    secret: 'from the environment',
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax', secure: 'auto' },
  }),
);

export type WithSession = IncomingMessage & { session: session.Session & { user?: string } };

@Controller('members')
export class MemberController {
  constructor(private readonly users: Users) {}

  @Post('login')
  async login(@Body() login: Login, request: IncomingMessage): Promise<void> {
    if (!(await this.users.check(login))) throw new HttpError(401, 'wrong name or password');
    // A new id, so that nobody has planted the one that is now worth something.
    await new Promise<void>((resolve, reject) => {
      (request as WithSession).session.regenerate((error?: Error) => (error ? reject(error) : resolve()));
    });
    (request as WithSession).session.user = login.name;
  }

  @Post('logout')
  async logout(request: IncomingMessage): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      (request as WithSession).session.destroy((error?: Error) => (error ? reject(error) : resolve()));
    });
  }
}

export class HasSession implements Guard {
  canActivate(c: HttpContext | UpgradeContext): boolean {
    const { user } = (c.request.raw as WithSession).session;
    if (user === undefined) throw new HttpError(401, 'sign in first');
    if (c.kind === 'upgrade') c.user = user;
    c.data['user'] = user;
    return true;
  }
}

@Controller('club')
@UseGuards(HasSession)
export class ClubController {
  @WebSocket()
  post(@Body() text: string, connection: Connection): string {
    return `${connection.user}: ${text}`;
  }
}

// --- 3. Authorization

@Injectable()
export class HasToken implements Guard {
  constructor(private readonly tokens: Tokens) {}

  canActivate(c: HttpContext | UpgradeContext): boolean {
    const [, token] = /^Bearer (.+)$/i.exec(c.request.headers.authorization ?? '') ?? [];
    const user = this.tokens.verify(token);
    if (user === undefined) {
      throw new HttpError(401, 'a token is needed', { headers: { 'www-authenticate': 'Bearer' } });
    }
    if (c.kind === 'upgrade') c.user = user;
    c.data['user'] = user;
    return true;
  }
}

@Controller('feed')
@UseGuards(HasToken)
export class FeedController {
  @WebSocket()
  post(@Body() text: string, connection: Connection): string {
    return `${connection.user}: ${text}`;
  }
}

// --- 4. A subprotocol

@Injectable()
export class HasProtocolToken implements Guard {
  constructor(private readonly tokens: Tokens) {}

  canActivate(c: UpgradeContext): boolean {
    c.user = this.tokens.verify(c.request.protocolToken);
    if (c.user === undefined) throw new HttpError(401, 'a token is needed');
    return true;
  }
}

@Controller('board', { refuse: 'close' })
@UseGuards(HasProtocolToken)
export class BoardController {
  @WebSocket()
  post(@Body() text: string, connection: Connection): string {
    return `${connection.user}: ${text}`;
  }
}

// --- 5. A ticket

@Injectable()
export class Tickets {
  readonly #open = new Map<string, { user: string; expires: number }>();

  constructor(private readonly clock: Clock) {}

  issue(user: string): string {
    const now = this.clock.now();
    // The oldest come first.
    for (const [ticket, { expires }] of this.#open) {
      if (now < expires) break;
      this.#open.delete(ticket);
    }
    const ticket = randomBytes(32).toString('base64url');
    this.#open.set(ticket, { user, expires: now + 30_000 });
    return ticket;
  }

  /** The user of a ticket; it is worth nothing from then on. */
  redeem(ticket: string): string | undefined {
    const found = this.#open.get(ticket);
    this.#open.delete(ticket);
    return found && this.clock.now() < found.expires ? found.user : undefined;
  }
}

@Injectable()
export class HasTicket implements Guard {
  constructor(private readonly tickets: Tickets) {}

  canActivate(c: UpgradeContext): boolean {
    const { ticket } = c.request.query;
    c.user = typeof ticket === 'string' ? this.tickets.redeem(ticket) : undefined;
    if (c.user === undefined) throw new HttpError(401, 'get a ticket first', { code: 'TICKET_INVALID' });
    return true;
  }
}

@Controller('game')
export class GameController {
  constructor(private readonly tickets: Tickets) {}

  @Post('ticket')
  @UseGuards(HasToken)
  @SetHeader('cache-control', 'no-store')
  ticket(@Data('user') user: string): { ticket: string } {
    return { ticket: this.tickets.issue(user) };
  }

  @WebSocket()
  @UseGuards(HasTicket)
  move(@Body() text: string, connection: Connection): string {
    return `${connection.user}: ${text}`;
  }
}

// --- When it is over

@Injectable()
export class SignOut {
  constructor(private readonly connections: Connections) {}

  everywhere(user: string): Promise<void> {
    return this.connections.closeUser(user, { code: 4401, reason: 'signed out' });
  }
}
