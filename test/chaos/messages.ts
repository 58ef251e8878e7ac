/** What the chaos suite and its nodes tell each other. */
import type { LinkState, PresenceMetrics } from 'halyard';

export type Engine = 'redis' | 'nats';

export interface NodeArguments {
  readonly engine: Engine;
  readonly url: string;
  readonly name: string;
  readonly heartbeat: number;
  readonly lease: number;
  readonly channels: readonly string[];
}

/** What a node sees: its link, and for each channel one line for each device, sorted. */
export interface Seen {
  readonly link: LinkState;
  readonly presence: Record<string, string[]>;
  readonly metrics: PresenceMetrics;
}

export interface ToNode {
  readonly id: number;
}

export type FromNode =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'link'; readonly link: LinkState; readonly at: number }
  | { readonly type: 'seen'; readonly id: number; readonly seen: Seen };
