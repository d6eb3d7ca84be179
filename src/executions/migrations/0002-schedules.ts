import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/**
 * What the beat needs: what code says of a schedule apart from what an operator changed, its pause, its last due time
 * and run count, the due time that waits for its turn (overlap `bufferOne`), and executions by their schedule.
 */
export class Ledger1763776800000 implements MigrationInterface {
  name = 'Ledger1763776800000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, upward);
  }

  async down(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, downward);
  }
}

const upward = [
  // Nothing has written schedules before this migration.
  `ALTER TABLE schedule
    ADD target_kind text NOT NULL CHECK (target_kind IN ('executor', 'task')),
    ADD resource_id text,
    ADD code jsonb,
    ADD override jsonb NOT NULL DEFAULT '{}',
    ADD paused_at timestamptz,
    ADD paused_by text,
    ADD paused_reason text,
    ADD last_error jsonb,
    ADD last_due_at timestamptz,
    ADD waiting_due_at timestamptz,
    ADD runs bigint NOT NULL DEFAULT 0 CHECK (runs >= 0),
    ADD CHECK ((owner = 'code') = (code IS NOT NULL)),
    ADD CHECK (enabled = (paused_at IS NULL AND last_error IS NULL)),
    ADD CHECK (paused_at IS NOT NULL OR (paused_by IS NULL AND paused_reason IS NULL)),
    ADD CHECK (next_due_at > last_due_at)`,
  `CREATE INDEX schedule_waiting ON schedule (waiting_due_at) WHERE waiting_due_at IS NOT NULL`,
  `ALTER TABLE schedule_fire
    DROP CONSTRAINT schedule_fire_verdict_check,
    ADD CONSTRAINT schedule_fire_verdict_check
      CHECK (verdict IN ('fired', 'skipped', 'missed', 'caught_up', 'waiting')),
    ADD CHECK ((verdict IN ('fired', 'caught_up')) <= (execution_id IS NOT NULL)),
    ADD CHECK ((verdict IN ('skipped', 'missed')) <= (reason IS NOT NULL))`,
  `CREATE UNIQUE INDEX execution_of_fire ON execution (schedule_id, schedule_due_at)
    WHERE schedule_id IS NOT NULL AND schedule_due_at IS NOT NULL`,
  `CREATE INDEX execution_of_schedule ON execution (schedule_id) WHERE active AND schedule_id IS NOT NULL`,
];

const downward = [
  `DROP INDEX execution_of_schedule`,
  `DROP INDEX execution_of_fire`,
  // The constraints that name these columns go with them.
  `ALTER TABLE schedule
    DROP target_kind, DROP resource_id, DROP code, DROP override, DROP paused_at, DROP paused_by, DROP paused_reason,
    DROP last_error, DROP last_due_at, DROP waiting_due_at, DROP runs`,
  `DELETE FROM schedule_fire WHERE verdict = 'waiting'`,
  `ALTER TABLE schedule_fire
    DROP CONSTRAINT schedule_fire_check, DROP CONSTRAINT schedule_fire_check1,
    DROP CONSTRAINT schedule_fire_verdict_check,
    ADD CONSTRAINT schedule_fire_verdict_check CHECK (verdict IN ('fired', 'skipped', 'missed', 'caught_up'))`,
];
