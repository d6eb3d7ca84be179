import type { Connection } from '../connection.ts';

/**
 * Deletes the counts of lines whose window began longer ago than an age: they limit nobody any more. Reads the whole
 * table, which has one row for each account that has ever spoken. Rows that somebody holds are passed over.
 */
export async function pruneFloods(connection: Connection, ageMs: number, limit: number): Promise<number> {
  const { schema } = connection;
  const { count } = await connection.query(
    `DELETE FROM ${schema}.moo_flood WHERE account_id IN (
       SELECT account_id FROM ${schema}.moo_flood
       WHERE window_start < clock_timestamp() - $1 * interval '1 millisecond' LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [ageMs, limit],
  );
  return count;
}
