import type { Connection } from 'halyard';
import type { Person } from '../entrance/person.js';

/** What one process has open. The numbers are whole; the lists end somewhere. */
export interface NodeReport {
  connections: number;
  channelCount: number;
  personCount: number;
  channels: readonly Count[];
  people: readonly PersonReport[];
}

export interface PersonReport extends Person {
  /** In which channels, with how many tabs. */
  at: readonly Count[];
}

/** A channel, and how many connections are in it. */
export type Count = readonly [channel: string, connections: number];

const maxListed = 200;
const maxListedOfPerson = 20;

export function report(open: Iterable<Connection>): NodeReport {
  let connections = 0;
  const channels = new Map<string, number>();
  const people = new Map<string, Person & { at: Map<string, number> }>();
  for (const connection of open) {
    connections++;
    const person = connection.data['person'] as Person | undefined;
    if (person && !people.has(person.id)) people.set(person.id, { ...person, at: new Map() });
    for (const channel of connection.channels) {
      count(channels, channel);
      if (person) count(people.get(person.id)!.at, channel);
    }
  }
  return {
    connections,
    channelCount: channels.size,
    personCount: people.size,
    channels: [...channels].slice(0, maxListed),
    people: [...people.values()]
      .slice(0, maxListed)
      .map(({ at, ...person }) => ({ ...person, at: [...at].slice(0, maxListedOfPerson) })),
  };
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
