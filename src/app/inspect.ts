import type { App } from './app.js';

type Listener = (app: App) => void;

/** On the global object, as the command line tool and the app that it looks at may come from two copies of the package. */
const key = Symbol.for('halyard.onAppCreated');
const registry = globalThis as { [key]?: Listener };

/** Tells of apps as they are created, before they listen: for tools. */
export function onAppCreated(listener: Listener): void {
  registry[key] = listener;
}

/** @internal Somebody only wants to look: what an app logs would stand in between. */
export function isInspected(): boolean {
  return registry[key] !== undefined;
}

/** @internal */
export function appCreated(app: App): void {
  registry[key]?.(app);
}
