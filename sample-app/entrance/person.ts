/** Somebody behind one connection or several: all tabs that bring the same secret. */
export interface Person {
  /** The same when somebody comes back, and another one's for nobody. */
  id: string;
  name: string;
}
