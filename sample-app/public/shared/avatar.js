import { make } from './page.js';

const hues = new Map();

/** Each next person is a golden angle away from the last one: however many there are, the few that talk differ well. */
export function hueOf(id) {
  if (!hues.has(id)) hues.set(id, (200 + hues.size * 137.508) % 360);
  return hues.get(id);
}

/** A first letter on a person's colour; the name stands beside it. */
export function avatarOf({ id, name }) {
  const avatar = make('span', 'avatar', [...name][0].toUpperCase());
  avatar.style.setProperty('--hue', hueOf(id));
  avatar.ariaHidden = 'true';
  return avatar;
}
