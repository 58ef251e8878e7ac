import { avatarOf } from '../shared/avatar.js';
import { ConnectionStatus } from '../shared/connection-status.js';
import { addressOf, keepName, ownName, protocolsOf, suggestedName } from '../shared/identity.js';
import { LiveSocket } from '../shared/live-socket.js';
import { $, make } from '../shared/page.js';
import { PresenceList } from '../shared/presence-list.js';
import { Cursors } from './cursors.js';
import { Drawing } from './drawing.js';
import { Outbox } from './outbox.js';
import { Pen } from './pen.js';
import { boardHeight, boardWidth, Surface } from './surface.js';

const room = decodeURIComponent(/^\/board\/([^/]+)/.exec(location.pathname)[1]);
const name = ownName();
/** More avatars than these would not fit; the rest is a number. */
const maxAvatars = matchMedia('(width < 40rem)').matches ? 3 : 6;
const noticeMs = 15_000;
document.title = `#${room} · Halyard board`;
if (name === null) askForName();
else openBoard();

function askForName() {
  $('entrance').hidden = false;
  $('name').value = suggestedName();
  $('name').focus();
  $('enter').addEventListener('submit', (event) => {
    event.preventDefault();
    keepName($('name').value.trim());
    location.reload();
  });
}

function openBoard() {
  let you = '';
  let noticeTimer;
  $('board').hidden = false;
  $('board-title').textContent = `#${room}`;
  $('to-chat').href = `/rooms/${encodeURIComponent(room)}${location.search}`;
  const drawing = new Drawing(show);
  const surface = new Surface($('canvas'), drawing);
  const people = new PresenceList(`board:${room}`, { onChange: showPeople });
  const cursors = new Cursors($('cursors'), people);
  const status = new ConnectionStatus(`Connected as ${name}`, () => socket.retry());
  const socket = new LiveSocket(addressOf(name), protocolsOf(name), {
    onEvent,
    onBytes: (buffer) => cursors.receive(buffer),
    onState: (state) => status.show(state),
  });
  const outbox = new Outbox(socket, {
    onSent: (line, lastPart) => drawing.confirmOwn(line, lastPart),
    onRefused(line, error) {
      drawing.removeOwn(line);
      notify(error.message);
    },
  });
  const pen = new Pen(surface, {
    onMove: (x, y) => cursors.tell(socket, x, y),
    onStart: startLine,
    onGrow() {
      drawing.grown();
      outbox.pump();
    },
    onEnd(line) {
      line.done = true;
      outbox.pump();
    },
    onKeyboard: showKeyboard,
  });
  pen.drawOn($('canvas'));

  function onEvent(event, payload, channel) {
    people.receive(event, payload, channel);
    if (event === 'welcome') {
      you = drawing.you = payload.you;
      drawing.reset(payload.strokes);
      outbox.pump();
      showPeople();
    } else if (event === 'drawn') drawing.add(payload);
    else if (event === 'undone') drawing.undo(payload);
    else if (event === 'cleared') {
      drawing.reset([]);
      notify(`${payload.name} has cleared the board`);
    } else if (event === 'dropped' && channel === `board:${room}`) void askForAll();
    else if (event === 'post' && payload.kind === 'announcement') notify(payload.text);
    else if (event === 'error') notify(payload.message);
  }

  /** We were too slow, and strokes are missing. */
  async function askForAll() {
    const { strokes } = await socket.ask('all');
    drawing.reset(strokes);
  }

  function startLine(x, y) {
    if (outbox.isFull) {
      notify('You are not connected, and no more can be kept.');
      return undefined;
    }
    const { color, width } = Object.fromEntries(new FormData($('tools')));
    const id = crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
    const line = { id, color: Number(color), width: Number(width), points: [x, y], done: false };
    drawing.addOwn(line);
    outbox.add(line);
    return line;
  }

  function show() {
    surface.draw();
    $('empty').hidden = !drawing.isEmpty;
    const { lines, people: artists } = drawing.count();
    $('summary').textContent =
      `${lines} ${lines === 1 ? 'line' : 'lines'} by ${artists} ${artists === 1 ? 'person' : 'people'}`;
  }

  function showPeople() {
    cursors.showPeople();
    const shown = people.all().sort((a, b) => (a.id === you ? -1 : b.id === you ? 1 : a.name.localeCompare(b.name)));
    $('people').replaceChildren(
      ...shown.slice(0, maxAvatars).map((person) => {
        const entry = make('li');
        const label = person.id === you ? `${person.name} (you)` : person.name;
        entry.title = label;
        entry.append(avatarOf(person), make('span', 'only-heard', label));
        return entry;
      }),
    );
    const more = people.count - Math.min(shown.length, maxAvatars);
    if (more > 0) $('people').append(make('li', 'badge', people.isTooLong ? `${more} people` : `+${more}`));
  }

  /** Where the keyboard draws: a ring, and words for those who do not see it. */
  function showKeyboard(place, isDown) {
    $('own-cursor').hidden = place === undefined;
    if (place === undefined) return;
    $('own-cursor').style.left = `${(place[0] / boardWidth) * 100}%`;
    $('own-cursor').style.top = `${(place[1] / boardHeight) * 100}%`;
    if ($('own-cursor').classList.contains('down') === isDown) return;
    $('own-cursor').classList.toggle('down', isDown);
    $('pen-state').textContent = isDown ? 'Pen down' : 'Pen up';
  }

  /** For a while; the next one takes its place. */
  function notify(text) {
    $('notice-text').textContent = text;
    $('notice').hidden = false;
    clearTimeout(noticeTimer);
    noticeTimer = setTimeout(() => ($('notice').hidden = true), noticeMs);
  }

  async function ask(event) {
    try {
      if (!outbox.isEmpty) return notify('What you have drawn is still on its way. Try again in a moment.');
      return await socket.ask(event);
    } catch (error) {
      return notify(error.message);
    }
  }

  async function undo() {
    const answer = await ask('undo');
    if (answer?.undone === false) notify('There is no line of yours on the board.');
  }

  $('undo').addEventListener('click', () => void undo());
  document.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 'z' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void undo();
  });
  $('clear').addEventListener('click', () => $('clearing').showModal());
  $('clearing').addEventListener('close', () => {
    if ($('clearing').returnValue === 'clear') void ask('clear');
    $('clearing').returnValue = '';
  });
  $('notice-close').addEventListener('click', () => ($('notice').hidden = true));
}
