import { avatarOf } from '../shared/avatar.js';
import { $, make } from '../shared/page.js';

/**
 * The people of a room, beside it on a wide page and in its place on a phone. `onPick(person)` is called for one who is to
 * be written to.
 */
export class PeoplePanel {
  /** One's own id: nobody writes to oneself. */
  you = '';
  #onPick;
  /** The entries that are shown, by the id of their person: one that has the focus keeps it. */
  #entries = new Map();

  constructor(onPick) {
    this.#onPick = onPick;
    $('panel-toggle').addEventListener('click', () => this.#toggle($('panel-toggle').ariaExpanded !== 'true'));
    $('panel').addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && $('panel-toggle').ariaExpanded === 'true') this.#toggle(false);
    });
  }

  show(list) {
    const people = list.all().sort((a, b) => rank(a, this.you) - rank(b, this.you) || a.name.localeCompare(b.name));
    $('people-count').textContent = $('people-badge').textContent = String(list.count);
    $('hint').textContent = hint(list);
    for (const [id, entry] of this.#entries) {
      if (!list.has(id)) entry.remove();
      if (!list.has(id)) this.#entries.delete(id);
    }
    for (const [index, person] of people.entries()) {
      const entry = this.#entryOf(person);
      entry.querySelector('.about').textContent = this.#about(person, people);
      entry.querySelector('.dots').hidden = person.id === this.you || !person.is('typing');
      if ($('people').children[index] !== entry) $('people').insertBefore(entry, $('people').children[index] ?? null);
    }
    $('typing').textContent = typing(people.filter(({ id, is }) => id !== this.you && is('typing')));
  }

  #entryOf(person) {
    const known = this.#entries.get(person.id);
    if (known) return known;
    const entry = make('li');
    const isOwn = person.id === this.you;
    const content = make(isOwn ? 'div' : 'button', 'person');
    const words = make('span', 'words');
    words.append(make('span', 'person-name', person.name), ' ', make('span', 'about'));
    const dots = make('span', 'dots');
    dots.append(make('span', 'only-heard', 'is typing'));
    content.append(avatarOf(person), words, dots);
    if (!isOwn) {
      content.type = 'button';
      content.title = `Write to ${person.name} alone`;
      content.addEventListener('click', () => this.#pick(person));
    }
    entry.append(content);
    this.#entries.set(person.id, entry);
    return entry;
  }

  /** Names are not unique, ids are: people of one name show a bit of theirs. */
  #about({ id, name, devices }, people) {
    const isShared = people.some((other) => other.name === name && other.id !== id);
    return [id === this.you && 'you', devices > 1 && `${devices} devices`, isShared && `id ${id.slice(0, 4)}`]
      .filter(Boolean)
      .join(', ');
  }

  #pick(person) {
    this.#toggle(false);
    this.#onPick(person);
  }

  /** On a phone the panel takes the place of the messages; on a wide page both are there, and this changes nothing. */
  #toggle(isOpen) {
    $('panel-toggle').ariaExpanded = String(isOpen);
    $('room').classList.toggle('panel-open', isOpen);
    if (isOpen) $('panel').focus();
    else $('panel-toggle').focus();
  }
}

function hint({ count, isTooLong }) {
  if (isTooLong) return 'Too many to show who they are.';
  return count > 1
    ? 'Pick somebody to write to that person alone.'
    : 'Nobody else is here yet. Share the address, and others can join you.';
}

function rank({ id }, you) {
  return id === you ? 0 : 1;
}

function typing(people) {
  const [first, second] = people;
  if (people.length === 0) return '';
  if (people.length === 1) return `${first.name} is typing…`;
  return people.length === 2 ? `${first.name} and ${second.name} are typing…` : 'Several people are typing…';
}
