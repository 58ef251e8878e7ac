/** What the compilers of paths and of HTTP endpoints share: instances, and scopes. */
import { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { CleanUp } from '../connection/clean-up.js';
import { Connection } from '../connection/connection.js';

import type { ConnectionResponder } from '../connection/responder.js';
import type { HalyardContainer } from '../di/container.js';
import type { Token } from '../di/provider.js';

import { readRecord, type Class } from '../metadata/metadata.js';
import { SlotTable, type Resolver } from '../pipeline/compile.js';
import type { Catcher, ComponentLike, Observer } from '../pipeline/components.js';
import { Context, type DisconnectContext, type HttpContext, type UpgradeContext } from '../pipeline/context.js';
import { Observers } from '../pipeline/observers.js';
import type { CatcherEntry, Resolve, Responder } from '../pipeline/plan.js';
import { Request } from '../pipeline/request.js';
import { constant, fromSlot } from '../pipeline/run.js';

import type { OpenScope } from '../pipeline/scope.js';
import type { Components } from './components.js';

export interface CompileOptions {
  /** Of the app. */
  readonly components: Components;
  readonly container: HalyardContainer;
  /** Instances that had to be waited for, by token. */
  readonly instances: ReadonlyMap<unknown, unknown>;
  readonly logger: Logger;
  /** Counts what is dropped, by reason. */
  readonly drops: Record<string, number>;
  readonly responders: {
    /** Of messages and connects, by whether results are dropped. */
    connection(receiveOnly: boolean): ConnectionResponder;
    readonly upgrade: Responder<UpgradeContext>;
    readonly http: Responder<HttpContext>;
    readonly hook: Responder<DisconnectContext>;
  };
}

/** Singletons are looked up now; what is scoped, in the slots of the connection or request. */
export function resolverFor({ container, instances }: CompileOptions, slots: SlotTable): Resolver {
  return {
    resolve<T>(component: unknown): Resolve<T> {
      if (typeof component === 'object') return constant(component as T);
      const token = component as Token;
      if (container.isScoped(token)) {
        return fromSlot(slots.addScoped(token));
      }
      return constant(instances.get(token) as T);
    },
  };
}

export function observersOf(
  observers: readonly ComponentLike[],
  { instances, logger, drops }: CompileOptions,
): Observers {
  const list = observers.map((observer) => (typeof observer === 'function' ? instances.get(observer) : observer));
  return new Observers(list as Observer[], logger, drops);
}

/** The innermost first: method, controller, app; of one level the last one written. */
export function catchersOf(levels: readonly Components[], resolver: Resolver): CatcherEntry[] {
  return levels
    .flatMap((level) => level.catcher)
    .map((component) => ({
      resolve: resolver.resolve<Catcher>(component),
      types: readRecord((typeof component === 'function' ? component : component.constructor) as Class).catches ?? [],
    }))
    .reverse();
}

/** Opens the scope of a connection or request; `undefined` where nothing is scoped. */
export function openerOf(slots: SlotTable, container: HalyardContainer): OpenScope | undefined {
  if (slots.scoped.length === 0) return undefined;
  return (c, connection, cleanUp) => {
    const scope = container.createScope(
      new Map<Token, unknown>([
        [Context, c],
        [Request, c.request],
        [IncomingMessage, c.request.raw],
        [CleanUp, cleanUp],
        ...(connection ? [[Connection as Token, connection] as const] : []),
      ]),
    );
    return {
      fill: async () => {
        const values = c.slots as unknown[];
        for (const { slot, token } of slots.scoped) values[slot] = await scope.get(token as Token);
      },
      dispose: () => scope.dispose(),
    };
  };
}
