import type { Connection } from '../connection.ts';

/** Deletes the rows of processes that gave no sign of life for an age. Rows that somebody holds are passed over. */
export async function pruneWorkers(connection: Connection, ageMs: number, limit: number): Promise<number> {
  const { schema } = connection;
  const { count } = await connection.query(
    `DELETE FROM ${schema}.worker WHERE id IN (
       SELECT id FROM ${schema}.worker WHERE heartbeat_at < ${schema}.clock() - $1 * interval '1 millisecond'
       LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [ageMs, limit],
  );
  return count;
}
