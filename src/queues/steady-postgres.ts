import { createPostgresBackend, PostgresConnection, PostgresQueueBackend } from 'bullmq';
import { Client, type ClientConfig } from 'pg';

/**
 * A connection of BullMQ's that may be lost at any time. BullMQ 6.7 listens to no errors of it between two statements
 * of its start nor while it is closed, pg-pool to none while it is lent out, and the process would end.
 */
export class SteadyClient extends Client {
  #lost: Error | undefined;

  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', this.#remember);
  }

  /** One that is lost in the moment in which it is there has failed to connect: nobody else would hear of it. */
  override connect(): Promise<this>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<this> | void {
    if (callback !== undefined) return super.connect(callback);
    return super.connect().then(() => {
      if (this.#lost !== undefined) throw this.#lost;
      return this;
    });
  }

  override removeAllListeners(event?: string | symbol): this {
    super.removeAllListeners(event);
    return this.on('error', this.#remember);
  }

  readonly #remember = (error: Error): void => {
    this.#lost ??= error;
  };
}

/** BullMQ's own factory, but for the class of the connection on which its workers wait: they make it themselves. */
export const steadyPostgresBackend: typeof createPostgresBackend = (name, options, more = {}) => {
  const connection = new PostgresConnection(options.connection);
  Object.assign(connection, { pgModule: { Client: SteadyClient } });
  return new PostgresQueueBackend(connection, name, options, true, more.withBlockingConnection ? name : undefined);
};
