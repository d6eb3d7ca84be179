import { createLogger } from '../../src/core/logging.ts';
import type { Connection, Rows } from '../../src/executions/connection.ts';
import { LedgerPool } from '../../src/executions/ledger-pool.ts';
import { actorContext, openTurn, type Turn } from './actor.ts';
import { callingFile } from './trace.ts';
import type { Turns } from './turns.ts';

/** The pool of a simulated process: each statement and each transaction waits for its turn. All share one real pool. */
export class SimulatedPool extends LedgerPool {
  readonly #real: LedgerPool;
  readonly #turns: Turns;

  constructor(real: LedgerPool, turns: Turns) {
    // Its own connections are never opened.
    super({ max: 1 }, real.schema, createLogger('silent'));
    this.#real = real;
    this.#turns = turns;
  }

  override async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
    const ask = (): Promise<Rows<Row>> => this.#real.query<Row>(text, params);
    if (openTurn() !== undefined) return actorContext.exit(ask);
    return this.#turns.enter('statement', callingFile(), async (_turn, note) => {
      const rows = await ask();
      note(`→ ${rows.count}`);
      return rows;
    });
  }

  override async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const context = actorContext.getStore();
    if (context === undefined) throw new Error('a transaction was begun outside of every simulated process');
    return this.#turns.enter('transaction', callingFile(), (turn, note) =>
      this.#real.transaction((connection) =>
        actorContext.run({ ...context, turn }, () => work(noting(connection, turn, note))),
      ),
    );
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }
}

function noting(connection: Connection, turn: Turn, note: (text: string) => void): Connection {
  return {
    schema: connection.schema,
    async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
      const file = callingFile();
      const rows = await actorContext.exit(() => connection.query<Row>(text, params));
      note(`${file} ${rows.count}`);
      if (text === 'COMMIT') await turn.suspend();
      return rows;
    },
  };
}
