import type { DataSource } from 'typeorm';
import { createLogger } from '../../src/core/logging.ts';
import type { Connection, Rows } from '../../src/executions/connection.ts';
import { LedgerPool, poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { sqlState } from '../../src/executions/sql-state.ts';

/** A pool that stops before its n-th statement until it is told to go on, and notes every deadlock. */
export class SteppedPool extends LedgerPool {
  deadlocks: string[] = [];
  stopped = Promise.withResolvers<void>();
  go = Promise.withResolvers<void>();
  #stopAt = Number.POSITIVE_INFINITY;
  /** How many there were since it was armed. */
  statements = 0;

  constructor(dataSource: DataSource) {
    super({ ...poolConfigOf(dataSource), max: 1 }, 'reeve', createLogger('silent'));
  }

  arm(stopAt: number): void {
    this.#stopAt = stopAt;
    this.statements = 0;
    this.deadlocks = [];
    this.stopped = Promise.withResolvers();
    this.go = Promise.withResolvers();
  }

  override async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
    return this.#step(text, () => super.query<Row>(text, params));
  }

  override async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return super.transaction((connection) =>
      work({
        schema: connection.schema,
        query: <Row extends object>(text: string, params: readonly unknown[] = []) =>
          this.#step(text, () => connection.query<Row>(text, params)),
      }),
    );
  }

  async #step<T>(text: string, run: () => Promise<T>): Promise<T> {
    this.statements += 1;
    if (this.statements === this.#stopAt) {
      this.stopped.resolve();
      await this.go.promise;
    }
    return run().catch((error: unknown) => {
      if (sqlState(error) === '40P01') this.deadlocks.push(text.slice(0, 80));
      throw error;
    });
  }
}
