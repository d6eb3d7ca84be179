import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

type Query = (this: pg.Client & { connectionParameters: { application_name?: string } }, ...args: unknown[]) => unknown;

/**
 * Lets statements come late now and then, so that transactions meet in more ways than they would on one quiet machine.
 * Only those whose answer is awaited one by one, as in transactions: others keep their order. BullMQ's own connections
 * are left alone: it listens to no errors of a connection between two statements of its start (6.7.0).
 */
export function slowStatements(share: number, longestMs: number): void {
  const prototype = pg.Client.prototype as unknown as { query: Query };
  const { query } = prototype;
  prototype.query = function slowed(...args) {
    const [first] = args;
    const isCallback = args.some((argument) => typeof argument === 'function');
    const isBroker = this.connectionParameters.application_name === 'reeve broker';
    if (isBroker || isCallback || typeof first !== 'string' || Math.random() >= share) return query.apply(this, args);
    return pause(Math.random() * longestMs).then(() => query.apply(this, args));
  };
}
