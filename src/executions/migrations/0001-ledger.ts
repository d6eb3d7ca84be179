import type { MigrationInterface, QueryRunner } from 'typeorm';
import { executionTables } from './0001-execution-tables.ts';
import { inLedgerSchema } from './in-ledger-schema.ts';
import { operationTables } from './0001-operation-tables.ts';

/** The first ledger: executions with their steps and attempts, queues, workers, throttles, schedules, events. */
export class Ledger1763683200000 implements MigrationInterface {
  name = 'Ledger1763683200000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, [...executionTables, ...operationTables]);
  }

  async down(runner: QueryRunner): Promise<void> {
    const tables = tablesInDropOrder.map((table) => `DROP TABLE ${table}`);
    await inLedgerSchema(runner, [...tables, 'DROP FUNCTION clock()']);
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
