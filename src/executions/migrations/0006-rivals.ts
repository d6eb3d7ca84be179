import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/** How a process looks for a live key while others race for it: one function, so that a wait and a second look are one round trip. */
export class Ledger1764200000000 implements MigrationInterface {
  name = 'Ledger1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, upward);
  }

  async down(runner: QueryRunner): Promise<void> {
    await inLedgerSchema(runner, downward);
  }
}

const upward = [
  // Volatile, so that the look after a wait sees what was committed meanwhile. Who starts a key holds its lock alone.
  `CREATE FUNCTION look_for_key(key text, wait text) RETURNS uuid
   LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
   DECLARE live uuid;
   BEGIN
     SELECT id INTO live FROM execution WHERE active AND unique_key = key;
     IF live IS NULL AND NOT pg_try_advisory_xact_lock_shared(hashtextextended(key, 8113)) THEN
       PERFORM set_config('lock_timeout', wait, true);
       PERFORM pg_advisory_xact_lock_shared(hashtextextended(key, 8113));
       SELECT id INTO live FROM execution WHERE active AND unique_key = key;
     END IF;
     RETURN live;
   END $$`,
];

const downward = ['DROP FUNCTION look_for_key'];
