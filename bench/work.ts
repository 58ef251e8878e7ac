/** What clients send, and what every handler gets as an object. */
export interface ChatMessage {
  readonly room: string;
  readonly author: string;
  readonly text: string;
  readonly sequence: number;
}

/** How many messages there are, each of its own length: a client sends them in turn, and sees what is out of turn by that. */
export const variants = 16;

/** How often a message that asks for something many times does it. */
export const perMessage = 1000;

const words = 'the engine might compose elaborate and scientific pieces of music of any degree of complexity or extent';

/** One of the messages. @param textLength characters of the shortest one's text: words, in a mixed order */
export function chatMessage(variant: number, textLength = 25): ChatMessage {
  const length = textLength + variant;
  const vocabulary = words.split(' ');
  let text = '';
  // A linear congruential generator (Numerical Recipes): the same text at each run.
  for (let random = variant + 1; text.length < textLength;) {
    random = (random * 1_664_525 + 1_013_904_223) % 2 ** 32;
    text += `${vocabulary[Math.floor((random / 2 ** 32) * vocabulary.length)]} `;
  }
  return { room: 'lobby', author: 'ada.lovelace', text: text.slice(0, length), sequence: 10 + variant };
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

/** What every handler does: it is given an object, and returns it. */
export function handle<T extends object>(message: T): T {
  if (typeof message !== 'object') throw new TypeError('the handler was not given an object');
  counters.handled += 1;
  return message;
}
