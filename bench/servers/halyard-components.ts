import type { Context, Guard, Interceptor, Observer, Outcome, Pipe } from 'halyard';
import { counters, type ChatMessage } from '../work.js';

/** Keeps what is open and counts what it is told, as an observer that feeds metrics does. */
export class Traffic implements Observer {
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

export class FirstGuard implements Guard {
  canActivate(): boolean {
    counters.guards += 1;
    return true;
  }
}

export class SecondGuard extends FirstGuard {}

export class FirstInterceptor implements Interceptor {
  pre(): void {
    counters.interceptors += 1;
  }

  post(_context: Context, value: unknown): unknown {
    counters.interceptors += 1;
    return value;
  }
}

export class SecondInterceptor extends FirstInterceptor {}

export class ThirdInterceptor extends FirstInterceptor {}

export class CountingPipe implements Pipe<ChatMessage, ChatMessage> {
  transform(value: ChatMessage): ChatMessage {
    counters.pipes += 1;
    return value;
  }
}
