import type { DataSource } from 'typeorm';
import { createLogger } from '../../src/core/logging.ts';
import { LedgerPool, poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { migrateLedger } from '../../src/executions/migrate-ledger.ts';
import { prepareLedger } from '../../src/reeve-ledger.ts';
import { simulatedDataSource } from './cluster-app.ts';
import { epochMs } from './virtual-time.ts';

/** Watches the ledger from inside the database, in the same transaction as what it watches. */
const watching: readonly string[] = [
  // Read outside of every transaction, and without a version of a row for each tick of the clock.
  `CREATE SEQUENCE public.virtual_ms MINVALUE 0 START 0`,
  `CREATE OR REPLACE FUNCTION reeve.clock() RETURNS timestamptz LANGUAGE sql STABLE AS
   'SELECT to_timestamp(${epochMs / 1_000}) + last_value * interval ''1 millisecond'' FROM public.virtual_ms'`,
  `CREATE TABLE public.transition (execution_id uuid, position integer, was text, became text, lease_until timestamptz,
     crashed boolean, at timestamptz)`,
  `CREATE FUNCTION public.note_transition() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     INSERT INTO public.transition VALUES (OLD.execution_id, OLD.position, OLD.state, NEW.state, OLD.lease_until,
       NEW.crashes > OLD.crashes, reeve.clock());
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER note_transition AFTER UPDATE OF state ON reeve.step FOR EACH ROW
     WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION public.note_transition()`,
];

/** The one real database of a run: emptied for each scenario, with a clock that the scenario sets. */
export class SimulatedDatabase implements AsyncDisposable {
  readonly dataSource: DataSource;
  /** Outside of every turn, for the harness; and what the pools of the simulated processes share. */
  readonly pool: LedgerPool;
  readonly engineId: string;
  readonly #queues: readonly string[];
  readonly #tables: string;
  #clockMs = 0;

  private constructor(made: {
    dataSource: DataSource;
    pool: LedgerPool;
    engineId: string;
    queues: readonly string[];
    tables: string;
  }) {
    this.dataSource = made.dataSource;
    this.pool = made.pool;
    this.engineId = made.engineId;
    this.#queues = made.queues;
    this.#tables = made.tables;
  }

  static async open(
    url: string,
    queues: readonly string[],
    sabotageSql: readonly string[],
  ): Promise<SimulatedDatabase> {
    const dataSource = await simulatedDataSource(url).initialize();
    await dataSource.synchronize();
    const config = poolConfigOf(dataSource);
    await migrateLedger(config, 'reeve');
    for (const sql of [...watching, ...sabotageSql]) await dataSource.query(sql);
    const names = await dataSource.query<{ name: string }[]>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname IN ('reeve', 'public') AND tablename NOT IN ('engine', 'reeve_migration')`,
    );
    // Vacuum and analyze come at times of their own, and change plans, and so the order of rows.
    for (const { name } of names) await dataSource.query(`ALTER TABLE ${name} SET (autovacuum_enabled = false)`);
    // A new connection has no plans yet; none is given up because the machine was slow.
    const pool = new LedgerPool(
      { ...config, max: 8, query_timeout: 0, idleTimeoutMillis: 0 },
      'reeve',
      createLogger('silent'),
    );
    const engineId = await prepareLedger(pool, queues);
    return new SimulatedDatabase({
      dataSource,
      pool,
      engineId,
      queues,
      tables: names.map(({ name }) => name).join(', '),
    });
  }

  async begin(): Promise<void> {
    await this.pool.query(`TRUNCATE ${this.#tables} RESTART IDENTITY CASCADE`);
    await prepareLedger(this.pool, this.#queues);
    this.#clockMs = -1;
    await this.setClock(0);
  }

  async setClock(ms: number): Promise<void> {
    if (ms === this.#clockMs) return;
    this.#clockMs = ms;
    await this.pool.query(`SELECT setval('public.virtual_ms', $1)`, [ms]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
    await this.dataSource.destroy();
  }
}
