import type { Connection } from 'halyard';

/** Somebody behind one connection or several: all tabs that bring the same secret. */
export interface Person {
  /** The same when somebody comes back, and another one's for nobody. */
  id: string;
  name: string;
}

/** What is kept with a connection: endpoints bind it with `@Data('person')`. */
export interface Arrival {
  person: Person;
  /** What the person looks at: `#garden`. */
  place: string;
}

/** Remembers who a connection belongs to; the guard `Visitor` has found out. */
export function arrive(connection: Connection, name: string, place: string): Person {
  const person = { id: connection.user!, name };
  Object.assign(connection.data, { person, place } satisfies Arrival);
  return person;
}
