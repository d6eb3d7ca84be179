import type { Connection } from '../executions/connection.ts';
import { readClock } from '../executions/sql/read-clock.ts';

/**
 * The clock of the ledger, moved forward. It is the one SQL function that every statement of Reeve reads, so leases,
 * countdowns, polls, schedules and retention all see the same time; the clock of the machine is not touched.
 */
export class VirtualClock {
  readonly #connection: Connection;
  #aheadMs = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What the ledger takes for now. */
  async now(): Promise<Date> {
    return readClock(this.#connection);
  }

  /** How many milliseconds it is ahead of the machine. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  async forward(ms: number): Promise<void> {
    await this.#set(this.#aheadMs + Math.max(0, Math.ceil(ms)));
  }

  /** Back to the clock of the server. */
  async reset(): Promise<void> {
    await this.#set(0);
  }

  async #set(aheadMs: number): Promise<void> {
    this.#aheadMs = aheadMs;
    const shift = aheadMs === 0 ? '' : ` + interval ''${aheadMs} milliseconds''`;
    await this.#connection.query(
      `CREATE OR REPLACE FUNCTION ${this.#connection.schema}.clock() RETURNS timestamptz
       LANGUAGE sql STABLE AS 'SELECT clock_timestamp()${shift}'`,
    );
  }
}
