import type { MigrationInterface, QueryRunner } from 'typeorm';
import { inLedgerSchema } from './in-ledger-schema.ts';

/** How a process looks for live keys while others race for them: one function, so that a wait and a second look are one round trip. */
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
  `CREATE FUNCTION look_for_keys(keys text[]) RETURNS TABLE (live_key text, live_id uuid)
   LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
   DECLARE
     live integer;
     key text;
     has_waited boolean := false;
   BEGIN
     RETURN QUERY SELECT unique_key, id FROM execution WHERE active AND unique_key = ANY (keys);
     GET DIAGNOSTICS live = ROW_COUNT;
     IF live = cardinality(keys) THEN RETURN; END IF;
     FOR key IN SELECT k FROM unnest(keys) AS k
       WHERE NOT EXISTS (SELECT 1 FROM execution WHERE active AND unique_key = k) ORDER BY k LOOP
       IF NOT pg_try_advisory_xact_lock_shared(hashtextextended(key, 8113)) THEN
         PERFORM pg_advisory_xact_lock_shared(hashtextextended(key, 8113));
         has_waited := true;
       END IF;
     END LOOP;
     IF has_waited THEN
       RETURN QUERY SELECT unique_key, id FROM execution WHERE active AND unique_key = ANY (keys);
     END IF;
   END $$`,
];

const downward = ['DROP FUNCTION look_for_keys'];
