import type { Context } from './context.js';

/** The scoped instances of one connection or HTTP request. */
export interface OpenedScope {
  /** Puts the instances into the context's slots. */
  fill(): void | Promise<void>;
  /** In reverse order of creation; never rejects twice for one failure. */
  dispose(): Promise<void>;
}

/** Opens the scope of a context. Made at boot, only where something scoped is needed. */
export type OpenScope = (c: Context, connection: object | undefined, cleanUp: object) => OpenedScope;
