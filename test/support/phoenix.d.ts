/** The part of `phoenix` that the tests use: the package has no types of its own. */
declare module 'phoenix' {
  interface PresenceChannel {
    on(event: string, listener: (payload: unknown) => void): void;
    joinRef(): string;
  }
  interface PresenceMetas {
    metas: { phx_ref: string }[];
  }
  export class Presence {
    constructor(channel: PresenceChannel);
    onJoin(callback: (key?: string, current?: PresenceMetas, joined?: PresenceMetas) => void): void;
    onLeave(callback: (key?: string, current?: PresenceMetas, left?: PresenceMetas) => void): void;
    list<T>(chooser: (key: string, present: PresenceMetas) => T): T[];
  }
}
