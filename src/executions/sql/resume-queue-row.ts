import type { Connection } from '../connection.ts';

/**
 * Ends the pause of a queue and raises its epoch, so that all of its ready steps are published again, those included
 * whose job came and went in the meantime. Locks its row alone, by primary key. Undefined when there is no such queue;
 * one that is not paused is left as it is.
 */
export async function resumeQueueRow(
  connection: Connection,
  name: string,
): Promise<{ readonly changed: boolean } | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<{ changed: boolean }>(
    `WITH before AS MATERIALIZED (SELECT name, paused_at FROM ${schema}.queue WHERE name = $1 FOR UPDATE)
     UPDATE ${schema}.queue AS q
     SET paused_at = NULL, paused_by = NULL, paused_reason = NULL,
       epoch = CASE WHEN before.paused_at IS NULL THEN q.epoch ELSE q.epoch + 1 END
     FROM before WHERE q.name = before.name RETURNING before.paused_at IS NOT NULL AS changed`,
    [name],
  );
  return rows[0];
}
