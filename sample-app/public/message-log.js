/** Messages of one person within this time stand together under one name. */
const groupMs = 5 * 60_000;
/** A window may stay open for a week. */
const maxEntries = 1000;
/** How far from the end still counts as reading the newest. */
const endPx = 48;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The list of what was said. It follows the newest entry, unless somebody is reading further up. */
export class MessageLog {
  /** Whose messages are one's own. */
  you = '';
  #list;
  #unread;
  #unreadCount = 0;
  #follows = true;
  #ids = new Set();

  constructor(list, unread) {
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
    if (own) this.#pending(post.text)?.remove();
    const entry = message(post.author, post.text, post.at, own);
    entry.classList.toggle('follows', isContinued(this.#last(), post));
    return this.#append(entry, own);
  }

  /** Somebody came or went, or the connection did. */
  notice(text, at = Date.now()) {
    const entry = make('div', 'notice', text);
    entry.append(' ', time(at));
    this.#append(entry, false);
  }

  /** What is on its way to the server, shown until `remove()`, or until it comes back as a message. */
  addPending(text) {
    const entry = message({ id: this.you, name: 'You' }, text.trim(), undefined, true);
    entry.classList.add('pending');
    // Heard once, when it is said.
    entry.ariaHidden = 'true';
    this.#list.append(entry);
    this.#toEnd();
    return entry;
  }

  #append(entry, own = false) {
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
    this.#follows = scrollHeight - scrollTop - clientHeight <= endPx;
    if (!this.#follows) return;
    this.#unreadCount = 0;
    this.#unread.hidden = true;
  }

  #last() {
    return [...this.#list.children].findLast((entry) => !entry.matches('.pending'));
  }

  #pending(text) {
    return [...this.#list.querySelectorAll('.pending')].find(
      (entry) => entry.querySelector('.text').textContent === text,
    );
  }
}

function message(author, text, at, own) {
  const entry = make('div', own ? 'message own' : 'message');
  entry.dataset.author = `${author.id} ${author.name}`;
  entry.dataset.at = at;
  entry.style.setProperty('--hue', hueOf(author.id));
  const avatar = make('span', 'avatar', [...author.name][0].toUpperCase());
  avatar.ariaHidden = 'true';
  const bubble = make('div', 'bubble');
  bubble.append(make('span', 'name', own ? 'You' : author.name), ' ', make('span', 'text', text), ' ');
  if (at !== undefined) bubble.append(time(at));
  entry.append(avatar, bubble);
  return entry;
}

function announcement({ text, at }) {
  const entry = make('div', 'announcement');
  entry.append(make('strong', 'label', 'Announcement'), ' ', make('span', 'text', text), ' ', time(at));
  return entry;
}

function isContinued(last, { author, at }) {
  return last?.dataset.author === `${author.id} ${author.name}` && at - Number(last.dataset.at) < groupMs;
}

const hues = new Map();

/** Each next person is a golden angle away from the last one: however many there are, the few that talk differ well. */
function hueOf(id) {
  if (!hues.has(id)) hues.set(id, (200 + hues.size * 137.508) % 360);
  return hues.get(id);
}

function time(at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const element = make('time', '', isToday ? clock.format(date) : calendar.format(date));
  element.dateTime = date.toISOString();
  element.title = calendar.format(date);
  return element;
}

/** Whatever people type goes in as text, never as markup. */
function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
