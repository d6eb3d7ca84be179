import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkedSchema } from '../ledger-pool.ts';
import { executionTables } from './0001-execution-tables.ts';
import { operationTables } from './0001-operation-tables.ts';

/** The first ledger: executions with their steps and attempts, queues, workers, throttles, schedules, events. */
export class Ledger1763683200000 implements MigrationInterface {
  name = 'Ledger1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    const schema = schemaOf(runner);
    await runner.query(`SET LOCAL search_path = ${schema}`);
    for (const statement of [...executionTables, ...operationTables]) await runner.query(statement);
    await runner.query('RESET search_path');
  }

  async down(runner: QueryRunner): Promise<void> {
    const schema = schemaOf(runner);
    for (const table of tablesInDropOrder) await runner.query(`DROP TABLE ${schema}.${table}`);
    await runner.query(`DROP FUNCTION ${schema}.clock()`);
  }
}

const tablesInDropOrder = [
  'event',
  'leak',
  'schedule_fire',
  'schedule',
  'permit',
  'throttle',
  'attempt',
  'step',
  'execution_resource',
  'execution',
  'worker',
  'queue',
  'engine',
];

function schemaOf(runner: QueryRunner): string {
  const { options } = runner.dataSource;
  const schema = 'schema' in options ? options.schema : undefined;
  return checkedSchema(schema ?? 'reeve');
}
