import type { Broker } from '../broker/broker.js';
import { channelSubject, encodePublication, makePublication, type PublishOptions } from '../channels/publication.js';
import {
  broadcastTarget,
  commandSubject,
  encodeCommand,
  type Action,
  type BroadcastOptions,
  type CloseOptions,
  type Target,
} from '../connection/command.js';

export interface PublisherOptions {
  /** That of the apps. It stays yours to close. */
  broker: Broker;
}

/**
 * Reaches the channels and connections of all apps that share its broker, from a process that serves none of them: a job, a
 * worker, a script. Made by `createPublisher`.
 *
 * All promises resolve when the broker took it, and reject with a `BrokerUnavailableError`, whose `outcome` says whether it
 * may have gone out. There is no log that a failure could go to: await them.
 */
export class Publisher {
  /** @internal */
  constructor(private readonly broker: Broker) {}

  /** Sends a value to all subscribers of a channel: see `Channels.publish`. */
  async publish(channel: string, value: unknown, options: PublishOptions = {}): Promise<void> {
    const publication = makePublication(channel, value, options, undefined);
    await this.broker.publish(channelSubject(channel), encodePublication(publication));
  }

  /** Sends a value to the connection with this id; to one that has gone it does nothing. */
  send(id: string, value: unknown): Promise<void> {
    return this.#command({ id }, { value });
  }

  /** Sends a value to all connections of a user. */
  sendToUser(user: string, value: unknown): Promise<void> {
    return this.#command({ user }, { value });
  }

  /** Sends a value to all connections, but `except`. */
  broadcast(value: unknown, options: BroadcastOptions = {}): Promise<void> {
    return this.#command(broadcastTarget(options), { value });
  }

  /** Closes the connection with this id. Rejects with `HALYARD_CLOSE_CODE_INVALID`. */
  close(id: string, options: CloseOptions = {}): Promise<void> {
    return this.#command({ id }, { close: options });
  }

  /** Closes all connections of a user. Rejects with `HALYARD_CLOSE_CODE_INVALID`. */
  closeUser(user: string, options: CloseOptions = {}): Promise<void> {
    return this.#command({ user }, { close: options });
  }

  async #command(target: Target, action: Action): Promise<void> {
    await this.broker.publish(commandSubject, encodeCommand(target, action));
  }
}

/** Makes a publisher. It opens nothing of its own: the broker does. */
export function createPublisher({ broker }: PublisherOptions): Publisher {
  return new Publisher(broker);
}
