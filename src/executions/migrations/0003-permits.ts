import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/**
 * Permits, one row for each key that a scope wants: place in line, held or not, shared with an ancestor or not. A place
 * is a number of a sequence, so who asked first stands first in every line, and nobody waits for an open transaction.
 *
 * Also what goes with scopes: steps that are only known at run time, children that nobody waits for, and rules by the
 * state of other resources.
 */
export class Ledger1763860000000 implements MigrationInterface {
  name = 'Ledger1763860000000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, upward);
  }

  async down(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, downward);
  }
}

const upward = [
  // Nothing has written permits or throttles before this migration.
  `DROP TABLE permit`,
  `ALTER TABLE throttle
    DROP next_place,
    ADD override_by text,
    ADD override_reason text`,
  `CREATE SEQUENCE permit_place`,
  `CREATE TABLE permit (
    execution_id uuid NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    position integer NOT NULL,
    last_position integer NOT NULL CHECK (last_position > position),
    key text NOT NULL,
    name text NOT NULL,
    max_held integer NOT NULL CHECK (max_held >= 0),
    level integer NOT NULL,
    place bigint NOT NULL,
    shared boolean NOT NULL,
    held boolean NOT NULL DEFAULT false,
    resource_type text,
    resource_id text,
    requested_at timestamptz NOT NULL,
    admitted_at timestamptz,
    PRIMARY KEY (execution_id, position, key),
    CHECK (held = (admitted_at IS NOT NULL)),
    CHECK ((resource_type IS NULL) = (resource_id IS NULL))
  ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)`,
  `CREATE INDEX permit_line ON permit (key, place) WHERE NOT held AND NOT shared`,
  `CREATE INDEX permit_shared ON permit (key) WHERE NOT held AND shared`,
  `CREATE INDEX permit_held ON permit (key) WHERE held AND NOT shared`,
  `CREATE INDEX permit_unit ON permit (place)`,
  `ALTER TABLE step
    DROP CONSTRAINT step_waiting_for_check,
    ADD CONSTRAINT step_waiting_for_check CHECK (waiting_for IN ('permit', 'child', 'hold', 'group')),
    ADD expanded_by integer`,
  `ALTER TABLE execution_resource ADD lender uuid`,
  `ALTER TABLE execution ADD awaited boolean NOT NULL DEFAULT true`,
  `CREATE INDEX execution_ending ON execution (id) WHERE state IN ('failing', 'canceling')`,
  `UPDATE step SET waiting_for = 'group' WHERE state = 'waiting' AND waiting_for = 'permit'`,
  `CREATE TABLE execution_rule (
    execution_id uuid NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    place integer NOT NULL,
    at_end text NOT NULL CHECK (at_end IN ('success', 'failure')),
    resource_type text NOT NULL,
    resource_id text NOT NULL,
    transition jsonb NOT NULL,
    PRIMARY KEY (execution_id, place)
  )`,
];

const downward = [
  `DROP TABLE execution_rule`,
  `UPDATE step SET waiting_for = 'permit' WHERE state = 'waiting' AND waiting_for = 'group'`,
  `ALTER TABLE step
    DROP expanded_by,
    DROP CONSTRAINT step_waiting_for_check,
    ADD CONSTRAINT step_waiting_for_check CHECK (waiting_for IN ('permit', 'child', 'hold'))`,
  `DROP INDEX execution_ending`,
  `ALTER TABLE execution DROP awaited`,
  `ALTER TABLE execution_resource DROP lender`,
  `DROP TABLE permit`,
  `DROP SEQUENCE permit_place`,
  `ALTER TABLE throttle DROP override_by, DROP override_reason, ADD next_place bigint NOT NULL DEFAULT 1`,
  `CREATE TABLE permit (
    id uuid PRIMARY KEY,
    execution_id uuid NOT NULL REFERENCES execution (id) ON DELETE CASCADE,
    first_position integer NOT NULL,
    last_position integer NOT NULL CHECK (last_position >= first_position),
    keys text[] NOT NULL CHECK (cardinality(keys) > 0),
    places bigint[] NOT NULL,
    held boolean NOT NULL,
    created_at timestamptz NOT NULL,
    admitted_at timestamptz,
    CHECK (cardinality(keys) = cardinality(places)),
    CHECK (held = (admitted_at IS NOT NULL)),
    UNIQUE (execution_id, first_position, last_position)
  )`,
  `CREATE INDEX permit_keys ON permit USING gin (keys)`,
];
