import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/**
 * What background work needs: the one more run of a background task that was asked for while one was alive, the marks
 * that failing pulls leave on resources, and indexes for deadlines and for what retention deletes.
 */
export class Ledger1764100000000 implements MigrationInterface {
  name = 'Ledger1764100000000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, upward);
  }

  async down(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, downward);
  }
}

const upward = [
  // One row for each key. The token changes with every request, so that who starts the run knows which one he starts.
  `CREATE TABLE remembered_run (
    unique_key text PRIMARY KEY,
    task text NOT NULL,
    request jsonb NOT NULL,
    token uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    times integer NOT NULL CHECK (times > 0)
  )`,
  `CREATE TABLE resource_mark (
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    task text NOT NULL,
    error jsonb NOT NULL,
    execution_id uuid NOT NULL,
    failures integer NOT NULL CHECK (failures > 0),
    since timestamptz NOT NULL,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (resource_type, resource_id, task)
  )`,
  `CREATE INDEX resource_mark_newest ON resource_mark (failed_at)`,
  `CREATE INDEX execution_deadline ON execution (deadline_at) WHERE active AND deadline_at IS NOT NULL`,
  `CREATE INDEX execution_succeeded_at ON execution (finished_at) WHERE state = 'succeeded'`,
  `CREATE INDEX execution_unsuccessful_at ON execution (finished_at) WHERE state IN ('failed', 'canceled')`,
  `CREATE INDEX schedule_fire_fired_at ON schedule_fire (fired_at)`,
  `CREATE INDEX event_at ON event (at)`,
];

const downward = [
  `DROP INDEX event_at`,
  `DROP INDEX schedule_fire_fired_at`,
  `DROP INDEX execution_unsuccessful_at`,
  `DROP INDEX execution_succeeded_at`,
  `DROP INDEX execution_deadline`,
  `DROP TABLE resource_mark`,
  `DROP TABLE remembered_run`,
];
