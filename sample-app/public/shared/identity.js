/**
 * Who this tab belongs to. A name is kept for the tab, so that two tabs can be two people; the next one is offered it. Behind
 * each name this browser has one secret: all tabs in which it is the same name are the same person.
 */

export function ownName() {
  return sessionStorage.getItem('name');
}

export function suggestedName() {
  return ownName() ?? localStorage.getItem('name') ?? '';
}

export function keepName(name) {
  sessionStorage.setItem('name', name);
  localStorage.setItem('name', name);
}

/** What a `WebSocket` offers: the protocol that it speaks, and the secret, which no address should hold. */
export function protocolsOf(name) {
  return ['plain', `auth.${secretOf(name)}`];
}

function secretOf(name) {
  const key = `visitor ${name}`;
  let secret = localStorage.getItem(key);
  if (secret === null) {
    secret = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    localStorage.setItem(key, secret);
  }
  return secret;
}

/** The WebSocket has the address of its page, and `?key=` with it. */
export function addressOf(name) {
  const address = new URL(location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  address.searchParams.set('name', name);
  return address;
}
