import type { QueryRunner } from 'typeorm';
import { checkedSchema } from '../ledger-pool.ts';

/** Runs the statements of a migration with the schema of the ledger as the search path. */
export async function inLedgerSchema(runner: QueryRunner, statements: readonly string[]): Promise<void> {
  const { options } = runner.dataSource;
  const schema = 'schema' in options ? options.schema : undefined;
  await runner.query(`SET LOCAL search_path = ${checkedSchema(schema ?? 'reeve')}`);
  for (const statement of statements) await runner.query(statement);
  await runner.query('RESET search_path');
}
