/** What clients send, and what every handler gets as an object. */
export interface ChatMessage {
  readonly room: string;
  readonly author: string;
  readonly text: string;
  readonly sequence: number;
}

/** How many different messages there are; a client sends them in turn, so that a reply out of order or mixed up is seen. */
export const variants = 16;

/** The nth message; all of a size are equally long, whatever their number. @param textLength characters of the text */
export function chatMessage(index: number, textLength = 32): ChatMessage {
  const letter = String.fromCharCode(97 + (index % variants));
  return { room: 'lobby', author: 'ada.lovelace', text: letter.repeat(textLength), sequence: 10 + (index % variants) };
}

/** How often each part of a server ran: the runner compares it with what the clients saw. */
export interface Counters {
  handled: number;
  guards: number;
  interceptors: number;
  pipes: number;
  /** What an observer was told of: messages handled, and what was dropped or failed. Halyard alone has observers. */
  observed: number;
  lost: number;
}

export const counters: Counters = { handled: 0, guards: 0, interceptors: 0, pipes: 0, observed: 0, lost: 0 };

/** The handler of every echo: it is given an object and returns it. */
export function echo<T extends object>(message: T): T {
  if (typeof message !== 'object') throw new TypeError('the handler was not given an object');
  counters.handled += 1;
  return message;
}
