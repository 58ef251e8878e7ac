import { MessageLog } from './message-log.js';
import { RoomSocket } from './room-socket.js';

const $ = (id) => document.getElementById(id);
/** What the server takes; it is the server that checks it. */
const maxLength = 500;
const offline = 'You are not connected. What you wrote stays here until you are.';

const room = /^\/rooms\/([^/]+)\/?$/.exec(location.pathname)?.[1];
const name = sessionStorage.getItem('name');
if (room !== undefined && name !== null) enterRoom(decodeURIComponent(room), name);
else askForName(room === undefined ? undefined : decodeURIComponent(room));

/** The name is kept for this window, so that two windows can be two people; the next one is offered it. */
function askForName(givenRoom) {
  $('entrance').hidden = false;
  $('name').value = sessionStorage.getItem('name') ?? localStorage.getItem('name') ?? '';
  $('room-name').value = givenRoom ?? localStorage.getItem('room') ?? 'lobby';
  $('name').focus();
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = $('room-name').value;
    sessionStorage.setItem('name', $('name').value.trim());
    localStorage.setItem('name', $('name').value.trim());
    localStorage.setItem('room', chosen);
    // A room that was asked for with a key keeps it.
    location.assign(`/rooms/${encodeURIComponent(chosen)}${chosen === givenRoom ? location.search : ''}`);
  });
}

function enterRoom(roomName, ownName) {
  let unseen = 0;
  showTitle(0);
  $('room-title').textContent = `#${roomName}`;
  $('room').hidden = false;
  const log = new MessageLog($('log'), $('unread'));
  const socket = new RoomSocket(addressOf(ownName), { onEvent, onState });

  function onEvent(event, payload) {
    if (event === 'welcome') {
      log.you = payload.you;
      // The whole history is not read out; what follows is.
      $('log').ariaBusy = 'true';
      for (const post of payload.posts) log.add(post);
      $('log').ariaBusy = 'false';
    } else if (event === 'post') {
      log.add(payload);
      if (document.hidden) showTitle(unseen + 1);
    } else if (event === 'joined') log.notice(`${payload.author.name} has joined`, payload.at);
    else if (event === 'left') log.notice(`${payload.author.name} has left`, payload.at);
    else if (event === 'error') showProblem(payload.message);
  }

  function onState({ name: state, again, seconds, reason }) {
    $('status').dataset.state = state;
    $('retry').hidden = state !== 'waiting';
    // The seconds are for the eye alone: a screen reader would read out every one of them.
    $('countdown').textContent = state === 'waiting' ? `in ${seconds} s…` : '';
    if (state === 'connecting') $('status-text').textContent = again ? 'Reconnecting' : 'Connecting';
    else if (state === 'waiting') $('status-text').textContent = 'Reconnecting';
    else if (state === 'refused') showRefusal(reason);
    else {
      $('status-text').textContent = again ? 'Connected again' : `Connected as ${ownName}`;
      if (again) log.notice('You are back in the room');
      if ($('problem').textContent === offline) showProblem('');
    }
  }

  /** A window in the background shows how much it has got. */
  function showTitle(count) {
    unseen = count;
    document.title = `${count > 0 ? `(${count}) ` : ''}#${roomName} · Halyard chat`;
  }

  async function say(text) {
    if (!socket.isConnected) return showProblem(offline);
    showProblem('');
    write('');
    const entry = log.addPending(text);
    try {
      await socket.send('message', { text });
    } catch (error) {
      // Not lost: it goes back to where it was written, behind what has been written there since.
      write([$('text').value, text].filter(Boolean).join('\n'));
      showProblem(error.details?.map(({ message }) => message).join(', ') ?? error.message);
    } finally {
      entry.remove();
    }
  }

  $('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    void say($('text').value);
    $('text').focus();
  });
  $('text').addEventListener('keydown', (event) => {
    // Enter also ends the writing of a Japanese or Chinese word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $('composer').requestSubmit();
  });
  $('text').addEventListener('input', measure);
  document.addEventListener('visibilitychange', () => showTitle(0));
  $('retry').addEventListener('click', () => socket.retry());
  $('share').hidden = !window.isSecureContext;
  $('share').addEventListener('click', () => void share());
  keepAboveKeyboard();
  // On a phone the focus would bring the keyboard up before anybody wants to write.
  if (matchMedia('(pointer: fine)').matches) $('text').focus();
}

/** The WebSocket has the address of the page, and `?key=` with it. */
function addressOf(name) {
  const address = new URL(location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  address.searchParams.set('name', name);
  address.searchParams.set('visitor', visitor());
  return address;
}

/** A secret of this window's: it keeps our messages ours when we come back. */
function visitor() {
  let secret = sessionStorage.getItem('visitor');
  if (secret === null) {
    secret = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    sessionStorage.setItem('visitor', secret);
  }
  return secret;
}

/** The close reason is the code of the error: `FORBIDDEN` is what the guard says, `PARAM_INVALID` what the rules say. */
const refusals = {
  FORBIDDEN: {
    title: 'You are not allowed in this room',
    text: 'It needs a key, which is part of the address that its members have.',
  },
  PARAM_INVALID: {
    title: 'This room or name does not work',
    text: 'A room has a name of up to 40 letters, digits, - and _, and you have one of up to 30 characters.',
  },
};

function showRefusal(reason) {
  const { title, text } = refusals[reason] ?? { title: 'The server refuses', text: `It says: ${reason}` };
  $('status-text').textContent = reason === 'FORBIDDEN' ? 'Not allowed' : 'Refused';
  $('refused-title').textContent = title;
  $('refused-text').textContent = text;
  for (const id of ['messages', 'composer', 'share']) $(id).hidden = true;
  $('refused').hidden = false;
  $('refused').focus();
}

function showProblem(text) {
  $('problem').textContent = text;
  $('text').ariaInvalid = String(text !== '');
}

function write(text) {
  $('text').value = text;
  measure();
}

/** The input grows with what is in it; the number of characters shows when it matters. */
function measure() {
  const { style, value } = $('text');
  style.height = 'auto';
  style.height = value === '' ? '' : `${$('text').scrollHeight}px`;
  const length = [...value.trim()].length;
  $('counter').textContent = `${length} / ${maxLength}`;
  $('counter').hidden = length < maxLength * 0.8;
  $('counter').classList.toggle('over', length > maxLength);
}

/** iOS lays its keyboard over the page. Other browsers make the page smaller, as its viewport says. */
function keepAboveKeyboard() {
  visualViewport?.addEventListener('resize', () => {
    if (visualViewport.scale !== 1) return;
    document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
    window.scrollTo(0, 0);
  });
}

/** By the phone's own menu where there is one. Neither is there on a page without TLS, unless it is localhost. */
async function share() {
  const url = location.origin + location.pathname;
  if (navigator.share && matchMedia('(pointer: coarse)').matches) {
    // Rejected when the person thinks better of it.
    await navigator.share({ title: document.title, url }).catch(() => undefined);
    return;
  }
  await navigator.clipboard.writeText(url);
  $('share').classList.add('done');
  setTimeout(() => $('share').classList.remove('done'), 2000);
}
