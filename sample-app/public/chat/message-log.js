import { avatarOf, hueOf } from '../shared/avatar.js';
import { make } from '../shared/page.js';

/** Messages of one person within this time stand together under one name. */
const groupMs = 5 * 60_000;
/** A window may stay open for a week. */
const maxEntries = 1000;
/** How far from the end still counts as reading the newest. */
const endPx = 48;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/**
 * The list of what was said. It follows the newest entry, unless somebody is reading further up. `onReply(person)` is
 * called when a private message is to be answered.
 */
export class MessageLog {
  /** Whose messages are one's own. */
  you = '';
  #room;
  #onReply;
  #list;
  #unread;
  #unreadCount = 0;
  #follows = true;
  /** Where the list stood when `#follows` was found. */
  #top = 0;
  #ids = new Set();

  constructor(room, { list, unread, onReply }) {
    this.#room = room;
    this.#onReply = onReply;
    this.#list = list;
    this.#unread = unread;
    list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    unread.addEventListener('click', () => this.#toEnd());
    // A phone's keyboard takes half of the list away: its end stays in view.
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(list);
  }

  /** A message or an announcement. One that is there already is left alone: after a reconnect much of it is. */
  add(post) {
    if (this.#ids.has(post.id)) return;
    this.#ids.add(post.id);
    if (post.kind === 'announcement') return this.#append(announcement(post));
    const own = post.author.id === this.you;
    if (own) this.#pending(post)?.remove();
    const entry = message(post, own);
    const follows = isContinued(this.#last(), post);
    entry.classList.toggle('follows', follows);
    if (post.kind === 'private') entry.querySelector('.from').append(' ', this.#privacy(post, own, follows));
    return this.#append(entry, own);
  }

  /** Somebody came or went, or the connection did. */
  notice(text, at = Date.now()) {
    const entry = make('div', 'notice', text);
    entry.append(' ', time(at));
    this.#append(entry, false);
  }

  /** What is on its way to the server, shown until `remove()`, or until it comes back as a message. */
  addPending(text, to) {
    const kind = to ? 'private' : 'message';
    const entry = message({ kind, author: { id: this.you, name: 'You' }, to, text: text.trim() }, true);
    entry.classList.add('pending');
    // Heard once, when it is said.
    entry.ariaHidden = 'true';
    this.#list.append(entry);
    this.#toEnd();
    return entry;
  }

  /** Who can read it, and from where it comes: it reaches all tabs of a person, also in other rooms. */
  #privacy({ author, to, room }, own, follows) {
    const label = make('span', 'privacy', own ? `Only to ${to.name}` : 'Only to you');
    if (room !== this.#room) {
      const link = make('a', '', `#${room}`);
      link.href = `/rooms/${encodeURIComponent(room)}`;
      label.append(', in ', link);
    }
    if (own || follows) return label;
    const reply = make('button', 'link', 'Reply');
    reply.type = 'button';
    reply.addEventListener('click', () => this.#onReply(author));
    label.append(' ', reply);
    return label;
  }

  #append(entry, own = false) {
    // Somebody has scrolled, and the event comes with the next frame only: an entry may well be faster.
    if (this.#list.scrollTop !== this.#top) this.#scrolled();
    this.#list.insertBefore(entry, this.#list.querySelector('.pending'));
    if (this.#follows || own) return this.#toEnd();
    if (entry.matches('.notice')) return;
    this.#unreadCount += 1;
    this.#unread.textContent = this.#unreadCount === 1 ? '1 new message' : `${this.#unreadCount} new messages`;
    this.#unread.hidden = false;
  }

  #toEnd() {
    while (this.#list.childElementCount > maxEntries) this.#list.firstElementChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#scrolled();
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#top = scrollTop;
    this.#follows = scrollHeight - scrollTop - clientHeight <= endPx;
    if (!this.#follows) return;
    this.#unreadCount = 0;
    this.#unread.hidden = true;
  }

  #last() {
    return [...this.#list.children].findLast((entry) => !entry.matches('.pending'));
  }

  #pending({ text, to }) {
    const recipient = to?.id ?? '';
    return [...this.#list.querySelectorAll('.pending')].find(
      (entry) => entry.dataset.to === recipient && entry.querySelector('.text').textContent === text,
    );
  }
}

function message(post, own) {
  const { kind, author, to, text, at } = post;
  const entry = make('div', `message ${kind} ${own ? 'own' : ''}`);
  entry.dataset.source = sourceOf(post);
  entry.dataset.to = to?.id ?? '';
  entry.dataset.at = at;
  entry.style.setProperty('--hue', hueOf(author.id));
  const bubble = make('div', 'bubble');
  const from = make('span', 'from');
  from.append(make('span', 'name', own ? 'You' : author.name));
  bubble.append(from, ' ', make('span', 'text', text), ' ');
  if (at !== undefined) bubble.append(time(at));
  entry.append(avatarOf(author), bubble);
  return entry;
}

function announcement({ text, at }) {
  const entry = make('div', 'announcement');
  entry.append(make('strong', 'label', 'Announcement'), ' ', make('span', 'text', text), ' ', time(at));
  return entry;
}

/** Of one person, to the same one or all, from the same room, and soon: it needs no name of its own. */
function isContinued(last, post) {
  const { source, at } = last?.dataset ?? {};
  return source === sourceOf(post) && post.at - Number(at) < groupMs;
}

function sourceOf({ author, to, room }) {
  return JSON.stringify([author.id, author.name, to?.id, room]);
}

function time(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const element = make('time', '', isToday ? clock.format(date) : calendar.format(date));
  element.dateTime = date.toISOString();
  element.title = calendar.format(date);
  return element;
}
