import type { Connection } from '../connection.ts';

/**
 * Deletes events that tell of no execution and are older than an age, by the index event_at; the others go with their
 * execution. Rows that somebody holds are passed over.
 */
export async function pruneEvents(connection: Connection, ageMs: number, limit: number): Promise<number> {
  const { schema } = connection;
  const { count } = await connection.query(
    `DELETE FROM ${schema}.event WHERE id IN (
       SELECT id FROM ${schema}.event
       WHERE at < ${schema}.clock() - $1 * interval '1 millisecond' AND execution_id IS NULL
       ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [ageMs, limit],
  );
  return count;
}
