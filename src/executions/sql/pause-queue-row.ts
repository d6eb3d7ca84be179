import type { Connection } from '../connection.ts';

/**
 * Pauses a queue; one that is paused already keeps since when, by whom and why. Locks its row alone, by primary key.
 * Undefined when there is no such queue.
 */
export async function pauseQueueRow(
  connection: Connection,
  name: string,
  { by, reason }: { readonly by: string | null; readonly reason: string | null },
): Promise<{ readonly changed: boolean } | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<{ changed: boolean }>(
    `WITH before AS MATERIALIZED (SELECT name, paused_at FROM ${schema}.queue WHERE name = $1 FOR UPDATE)
     UPDATE ${schema}.queue AS q
     SET paused_at = coalesce(q.paused_at, ${schema}.clock()),
       paused_by = CASE WHEN q.paused_at IS NULL THEN $2 ELSE q.paused_by END,
       paused_reason = CASE WHEN q.paused_at IS NULL THEN $3 ELSE q.paused_reason END
     FROM before WHERE q.name = before.name RETURNING before.paused_at IS NULL AS changed`,
    [name, by, reason],
  );
  return rows[0];
}
