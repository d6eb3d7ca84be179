import type { Connection } from '../connection.ts';

/**
 * Deletes messages to players that are older than an age. Looks at the oldest by primary key, which grows with time, and
 * at no more than it may delete. Rows that somebody holds are passed over.
 */
export async function pruneMessages(connection: Connection, ageMs: number, limit: number): Promise<number> {
  const { schema } = connection;
  const { count } = await connection.query(
    `DELETE FROM ${schema}.moo_message WHERE id IN (
       SELECT m.id FROM (SELECT id FROM ${schema}.moo_message ORDER BY id LIMIT $2) AS oldest
       JOIN ${schema}.moo_message AS m USING (id)
       WHERE m.created_at < ${schema}.clock() - $1 * interval '1 millisecond' FOR UPDATE OF m SKIP LOCKED)`,
    [ageMs, limit],
  );
  return count;
}
