import { $ } from '../shared/page.js';

/** What the server takes; it is the server that checks it. */
const maxLength = 500;
/** Who has not touched a key for so long does not write any more. */
const idleMs = 3000;

/**
 * Where one writes: to all, or to one person. `onSend(text, to)` gets what is to be sent, and `onTyping(typing)` whether
 * something is being written to all; a private message is nobody else's business.
 */
export class Composer {
  #listener;
  #to;
  #typing = false;
  #idle;

  constructor(listener) {
    this.#listener = listener;
    $('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    $('text').addEventListener('keydown', (event) => this.#pressed(event));
    $('text').addEventListener('input', () => this.#changed());
    $('text').addEventListener('blur', () => this.#setTyping(false));
    $('to-all').addEventListener('click', () => this.address(undefined));
    // On a phone the focus would bring the keyboard up before anybody wants to write.
    if (matchMedia('(pointer: fine)').matches) $('text').focus();
  }

  /** Writes to one person from now on, or to all. */
  address(person) {
    this.#to = person;
    this.#setTyping(false);
    $('composer').classList.toggle('private', person !== undefined);
    $('recipient').hidden = person === undefined;
    $('recipient-name').textContent = person?.name ?? '';
    $('recipient-state').textContent = '';
    $('text').placeholder = person === undefined ? 'Write a message' : `Write to ${person.name} alone`;
    this.showProblem('');
    $('text').focus();
  }

  /** The one who is written to may go and come back meanwhile. */
  showPresent(list) {
    if (!this.#to) return;
    const hasLeft = !list.isTooLong && !list.has(this.#to.id);
    $('recipient-state').textContent = hasLeft ? ' (has left)' : '';
  }

  showProblem(text) {
    $('problem').textContent = text;
    $('text').ariaInvalid = String(text !== '');
  }

  /** Empties the input, which has been sent. */
  clear() {
    this.#write('');
    this.showProblem('');
    // The server knows by the message itself.
    this.forgetTyping();
  }

  /**
   * What could not be sent is not lost: it goes back to where it was written, behind what has been written there since.
   * False: something is being written to somebody else by now, and the two must not be mixed.
   */
  giveBack(text, to, problem) {
    const isForSame = to?.id === this.#to?.id;
    if (!isForSame && $('text').value !== '') return false;
    if (!isForSame) this.address(to);
    this.#write([$('text').value, text].filter(Boolean).join('\n'));
    this.showProblem(problem);
    return true;
  }

  /** The server does not know any more that we were writing. */
  forgetTyping() {
    clearTimeout(this.#idle);
    this.#typing = false;
  }

  #send() {
    this.#listener.onSend($('text').value, this.#to);
    $('text').focus();
  }

  #pressed(event) {
    // Enter also ends the writing of a Japanese or Chinese word.
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      $('composer').requestSubmit();
    } else if (event.key === 'Escape' && this.#to) this.address(undefined);
  }

  #changed() {
    this.#measure();
    this.#setTyping($('text').value !== '' && !this.#to);
  }

  #setTyping(typing) {
    clearTimeout(this.#idle);
    if (typing) this.#idle = setTimeout(() => this.#setTyping(false), idleMs);
    if (typing === this.#typing) return;
    this.#typing = typing;
    this.#listener.onTyping(typing);
  }

  #write(text) {
    $('text').value = text;
    this.#measure();
  }

  /** The input grows with what is in it; the number of characters shows when it matters. */
  #measure() {
    const { style, value } = $('text');
    style.height = 'auto';
    style.height = value === '' ? '' : `${$('text').scrollHeight}px`;
    const length = [...value.trim()].length;
    $('counter').textContent = `${length} / ${maxLength}`;
    $('counter').hidden = length < maxLength * 0.8;
    $('counter').classList.toggle('over', length > maxLength);
  }
}
