import type { EntityManager, QueryResult, QueryRunner } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import type { Connection, Rows } from './connection.ts';

/**
 * The caller's own transaction as a connection of the ledger: what is written through it is there exactly if the
 * caller commits.
 *
 * @throws TRANSACTION_REQUIRED for a manager that is not inside a transaction: its statements would be committed one
 * by one, and a crash between them would leave half of the work.
 */
export function managerConnection(manager: EntityManager, schema: string): Connection {
  const runner = manager.queryRunner;
  if (runner === undefined || !runner.isTransactionActive) {
    throw new ReeveError('TRANSACTION_REQUIRED', 'reeve.in(manager) was given a manager outside a transaction');
  }
  const known = connections.get(runner);
  if (known?.schema === schema) return known;
  const connection = runnerConnection(runner, schema);
  connections.set(runner, connection);
  return connection;
}

/** One connection for each runner, so that calls on the same one can take turns. */
const connections = new WeakMap<QueryRunner, Connection>();

function runnerConnection(runner: QueryRunner, schema: string): Connection {
  return {
    schema,
    async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<Rows<Row>> {
      const result = (await runner.query(text, [...params], true)) as QueryResult<Row>;
      return { rows: result.records ?? [], count: result.affected ?? result.records.length };
    },
  };
}
