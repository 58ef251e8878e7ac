import { avatarOf } from '../shared/avatar.js';
import { ConnectionStatus } from '../shared/connection-status.js';
import { LiveSocket } from '../shared/live-socket.js';
import { $, make } from '../shared/page.js';
import { Rows } from './rows.js';
import { Totals } from './totals.js';

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const totals = new Totals();
/** The people of the last report, by id. */
let people = new Map();

const peopleRows = new Rows($('people'), (id) => personCells(people.get(id)));
const channelRows = new Rows($('channels'), (channel) => [make('td', 'name', channel), make('td', 'number')]);
const status = new ConnectionStatus('Live', () => socket.retry());
const address = new URL(location.href);
address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
const socket = new LiveSocket(address, [], { onEvent, onState });
// A process that has stopped says nothing: it is the clock that takes it away.
setInterval(show, 1000);

function onEvent(event, payload) {
  if (event === 'report') {
    totals.add(payload);
    show();
  } else if (event === 'post') showAnnounced(payload);
  else if (event === 'error') $('problem').textContent = payload.message;
}

function onState(state) {
  status.show(state);
  $('numbers').classList.toggle('stale', state.name !== 'connected');
  if (state.name === 'connected') totals.clear();
}

function show() {
  if (!socket.isConnected) return;
  const { nodes, connections, channels, people: present } = totals.sum();
  if (nodes.length === 0) return;
  people = present;
  $('connection-count').textContent = String(connections);
  $('person-count').textContent = many(people.size, nodes, 'personCount');
  $('channel-count').textContent = many(channels.size, nodes, 'channelCount');
  $('node-count').textContent = String(nodes.length);
  $('nodes').textContent =
    nodes.length > 1 ? nodes.map((node) => `pid ${node.pid}: ${node.connections}`).join(', ') : '';

  $('nobody').hidden = people.size > 0;
  $('people-table').hidden = people.size === 0;
  peopleRows.show(
    sorted(people, (id) => people.get(id).name),
    (row, id) => {
      const { places, tabs } = people.get(id);
      row.querySelector('.where').textContent = [...places].join(', ');
      row.querySelector('.number').textContent = String(tabs);
    },
  );
  channelRows.show(
    sorted(channels, (channel) => channel),
    (row, channel) => {
      row.querySelector('.number').textContent = String(channels.get(channel));
    },
  );
}

/** Where a process has more than it lists, those of several processes cannot be told apart: at least so many there are. */
function many(listed, nodes, count) {
  const most = Math.max(listed, ...nodes.map((node) => node[count]));
  return most > listed ? `${most}+` : String(listed);
}

function sorted(map, textOf) {
  return [...map.keys()].sort((a, b) => `${textOf(a)} ${a}`.localeCompare(`${textOf(b)} ${b}`));
}

function personCells(person) {
  const who = make('td');
  const entry = make('span', 'who');
  const words = make('span', 'words');
  words.append(make('span', 'person-name', person.name), ' ', make('span', 'where'));
  entry.append(avatarOf(person), words);
  who.append(entry);
  const remove = make('button', 'secondary', 'Remove');
  remove.type = 'button';
  remove.ariaLabel = `Remove ${person.name}`;
  remove.addEventListener('click', () => askToRemove(person.id));
  const action = make('td', 'action');
  action.append(remove);
  return [who, make('td', 'number'), action];
}

function askToRemove(id) {
  const person = people.get(id);
  if (!person) return;
  const { tabs } = person;
  $('removal-title').textContent = `Remove ${person.name}?`;
  $('removal-text').textContent =
    `${tabs === 1 ? 'The connection is' : `All ${tabs} connections are`} closed, and the page says so.`;
  $('removal').returnValue = '';
  $('removal').addEventListener(
    'close',
    () => $('removal').returnValue === 'remove' && void ask('remove', { person: id }),
    {
      once: true,
    },
  );
  $('removal').showModal();
}

$('announce').addEventListener('submit', (event) => {
  event.preventDefault();
  void announce();
});

async function announce() {
  if (await ask('announce', { text: $('announcement').value })) $('announcement').value = '';
}

async function ask(event, payload) {
  try {
    await socket.ask(event, payload);
    $('problem').textContent = '';
    return true;
  } catch (error) {
    $('problem').textContent = error.message;
    return false;
  }
}

/** What was announced, by this page or by another one: it has reached us, so it has gone out. */
function showAnnounced({ text, at }) {
  const entry = make('li');
  const time = make('time', '', clock.format(new Date(at)));
  time.dateTime = new Date(at).toISOString();
  entry.append(make('span', '', text), ' ', time);
  $('announced').prepend(entry);
  while ($('announced').childElementCount > 5) $('announced').lastElementChild.remove();
}
