import { ConnectionStatus } from '../shared/connection-status.js';
import { addressOf, keepName, ownName, protocolsOf, suggestedName } from '../shared/identity.js';
import { LiveSocket } from '../shared/live-socket.js';
import { $, keepAboveKeyboard } from '../shared/page.js';
import { PresenceList } from '../shared/presence-list.js';
import { Composer } from './composer.js';
import { MessageLog } from './message-log.js';
import { PeoplePanel } from './people-panel.js';
import { offerToShare } from './share.js';

const offline = 'You are not connected. What you wrote stays here until you are.';

const path = /^\/rooms\/([^/]+)\/?$/.exec(location.pathname)?.[1];
const room = path && decodeURIComponent(path);
const name = ownName();
if (room !== undefined && name !== null) enterRoom();
else askForName();

function askForName() {
  $('entrance').hidden = false;
  $('name').value = suggestedName();
  $('room-name').value = room ?? localStorage.getItem('room') ?? 'lobby';
  $('name').focus();
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = $('room-name').value;
    keepName($('name').value.trim());
    localStorage.setItem('room', chosen);
    // A room that was asked for with a key keeps it.
    location.assign(`/rooms/${encodeURIComponent(chosen)}${chosen === room ? location.search : ''}`);
  });
}

function enterRoom() {
  let unseen = 0;
  showTitle(0);
  $('room-title').textContent = `#${room}`;
  $('room').hidden = false;
  const composer = new Composer({ onSend: send, onTyping: (typing) => socket.tell('typing', { typing }) });
  const log = new MessageLog(room, {
    list: $('log'),
    unread: $('unread'),
    onReply: (person) => composer.address(person),
  });
  const panel = new PeoplePanel((person) => composer.address(person));
  const people = new PresenceList(`room:${room}`, {
    onChange: showPeople,
    onJoin: (person) => log.notice(`${person.name} has joined`),
    onLeave: (person) => log.notice(`${person.name} has left`),
  });
  const status = new ConnectionStatus(`Connected as ${name}`, () => socket.retry());
  const socket = new LiveSocket(addressOf(name), protocolsOf(name), { onEvent, onState });

  function onEvent(event, payload, channel) {
    people.receive(event, payload, channel);
    if (event === 'welcome') welcome(payload);
    else if (event === 'post') {
      log.add(payload);
      if (document.hidden) showTitle(unseen + 1);
    } else if (event === 'error') composer.showProblem(payload.message);
  }

  function welcome({ you, posts }) {
    log.you = panel.you = you;
    showPeople();
    composer.forgetTyping();
    // The whole history is not read out; what follows is.
    $('log').ariaBusy = 'true';
    for (const post of posts) log.add(post);
    $('log').ariaBusy = 'false';
  }

  function showPeople() {
    // Who is who is known by the first word of the server, which may come behind the first list.
    if (panel.you === '') return;
    panel.show(people);
    composer.showPresent(people);
  }

  function onState(state) {
    status.show(state);
    if (state.name !== 'connected') return;
    if (state.again) log.notice('You are back in the room');
    if ($('problem').textContent === offline) composer.showProblem('');
  }

  /** A window in the background shows how much it has got. */
  function showTitle(count) {
    unseen = count;
    document.title = `${count > 0 ? `(${count}) ` : ''}#${room} · Halyard chat`;
  }

  async function send(text, to) {
    if (!socket.isConnected) return composer.showProblem(offline);
    composer.clear();
    const entry = log.addPending(text, to);
    try {
      await (to ? socket.ask('private', { to: to.id, text }) : socket.ask('message', { text }));
    } catch (error) {
      if (!composer.giveBack(text, to, error.message)) log.notice(`Not sent: ${text}. ${error.message}`);
    } finally {
      entry.remove();
    }
  }

  document.addEventListener('visibilitychange', () => showTitle(0));
  $('to-board').href = `/board/${encodeURIComponent(room)}${location.search}`;
  offerToShare($('share'));
  keepAboveKeyboard();
}
