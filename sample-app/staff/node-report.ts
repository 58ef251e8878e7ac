import type { Connection } from 'halyard';
import type { Arrival, Person } from '../entrance/person.js';

/** What one process has open. The numbers are whole; the lists end somewhere. */
export interface NodeReport {
  connections: number;
  channelCount: number;
  personCount: number;
  channels: readonly Count[];
  people: readonly PersonReport[];
}

export interface PersonReport extends Person {
  tabs: number;
  /** What those tabs show. */
  places: readonly string[];
}

/** A channel, and how many connections are in it. */
export type Count = readonly [channel: string, connections: number];

const maxListed = 200;
const maxPlaces = 20;

export function report(open: Iterable<Connection>): NodeReport {
  let connections = 0;
  const channels = new Map<string, number>();
  const people = new Map<string, Person & { tabs: number; places: Set<string> }>();
  for (const connection of open) {
    connections++;
    for (const channel of connection.channels) channels.set(channel, (channels.get(channel) ?? 0) + 1);
    const { person, place } = connection.data as Partial<Arrival>;
    if (!person || !place) continue;
    const entry = people.get(person.id) ?? { ...person, tabs: 0, places: new Set() };
    people.set(person.id, entry);
    entry.tabs++;
    entry.places.add(place);
  }
  return {
    connections,
    channelCount: channels.size,
    personCount: people.size,
    channels: [...channels].slice(0, maxListed),
    people: [...people.values()]
      .slice(0, maxListed)
      .map(({ places, ...person }) => ({ ...person, places: [...places].slice(0, maxPlaces) })),
  };
}
