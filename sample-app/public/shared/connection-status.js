import { $ } from './page.js';

/** The close reason is the code of the error: `FORBIDDEN` is what the guard says, `PARAM_INVALID` what the rules say. */
const refusals = {
  FORBIDDEN: {
    status: 'Not allowed',
    title: 'You are not allowed in here',
    text: 'It needs a key, which is part of the address that its members have.',
  },
  PARAM_INVALID: {
    status: 'Refused',
    title: 'This room or name does not work',
    text: 'A room has a name of up to 40 letters, digits, - and _, and you have one of up to 30 characters.',
  },
  REMOVED: {
    status: 'Removed',
    title: 'Staff has closed your connection',
    text: 'You are not in here any more. If that was a mistake, load the page again.',
  },
};

/** The line below the title that says how it stands with the connection; and what is shown where the server says no. */
export class ConnectionStatus {
  #connected;

  /** @param connected what to say when all is well */
  constructor(connected, onRetry) {
    this.#connected = connected;
    $('retry').addEventListener('click', onRetry);
  }

  /** @param state what a `LiveSocket` tells */
  show({ name: state, again, seconds, reason }) {
    $('status').dataset.state = state;
    $('retry').hidden = state !== 'waiting';
    // The seconds are for the eye alone: a screen reader would read out every one of them.
    $('countdown').textContent = state === 'waiting' ? `in ${seconds} s…` : '';
    if (state === 'connecting') this.#say(again ? 'Reconnecting' : 'Connecting');
    else if (state === 'waiting') this.#say('Reconnecting');
    else if (state === 'connected') this.#say(again ? 'Connected again' : this.#connected);
    else this.#refused(reason);
  }

  #say(text) {
    // What has not changed is not said again.
    if ($('status-text').textContent !== text) $('status-text').textContent = text;
  }

  #refused(reason) {
    const { status, title, text } = refusals[reason] ?? {
      status: 'Refused',
      title: 'The server refuses',
      text: `It says: ${reason}`,
    };
    this.#say(status);
    $('refused-title').textContent = title;
    $('refused-text').textContent = text;
    for (const element of document.querySelectorAll('[data-live]')) element.hidden = true;
    $('refused').hidden = false;
    $('refused').focus();
  }
}
