import type { DataSource } from 'typeorm';
import { ReeveError } from './core/errors.ts';
import { storeError } from './core/stored-error.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import { readEngineId } from './executions/migrate-ledger.ts';
import { isConnectionError } from './executions/sql-state.ts';
import { ensureQueues } from './executions/sql/ensure-queues.ts';

/** A database that does not answer, as an error with a code and a next step. */
export function ledgerError(error: unknown): unknown {
  if (!isConnectionError(error)) return error;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const message = storeError(inner).message;
  return new ReeveError('LEDGER_UNAVAILABLE', `PostgreSQL does not answer: ${message}`, {
    cause: error,
    retryable: true,
  });
}

/**
 * Unqualified names of the application must lead both pools to the same place, and not into the ledger: PostgreSQL looks
 * first into the schema that is named like the user.
 */
export async function checkSearchPath(dataSource: DataSource, pool: LedgerPool): Promise<void> {
  const sql = 'SELECT current_schema() AS name, current_user AS role';
  const [application] = await dataSource.query<{ name: string; role: string }[]>(sql);
  const engine = (await pool.query<{ name: string }>(sql)).rows[0];
  const problem =
    application?.name === pool.schema
      ? `unqualified tables of role "${application.role}" lead into the schema "${pool.schema}" of the ledger`
      : application?.name === engine?.name
        ? undefined
        : `unqualified tables lead to "${application?.name}" in the dataSource and to "${engine?.name}" in the engine`;
  if (problem === undefined) return;
  await pool.close();
  throw new ReeveError(
    'CONFIGURATION_INVALID',
    `${problem}; set the search_path in the dataSource: extra: { options: '-c search_path=public' }`,
  );
}

/** The id of the ledger, with a row for each queue; closes the pool when there is none. */
export async function prepareLedger(pool: LedgerPool, queues: readonly string[]): Promise<string> {
  try {
    const id = await readEngineId(pool);
    await ensureQueues(pool, queues);
    return id;
  } catch (error) {
    await pool.close();
    throw error;
  }
}
