import type { Connection } from '../connection.ts';

/**
 * Puts an ended execution's failed and canceled steps, and those that its failure left out, back to `pending` with
 * fresh attempts; answers the positions of those whose predecessors have all ended well, which may go on at once. They
 * keep one open predecessor, for `advanceSteps` to take. Locks them by position; the caller holds the execution's row lock.
 *
 * A failure that was an outcome (it has a result) stays. A step that was skipped before the failure (by a gate), or by an operator (it keeps its error), stays skipped. What
 * had been delivered before does not wait for its countdown again.
 *
 * @param skipped - The failed step that is to be skipped: it is left alone, and counts as one that has ended well.
 */
export async function reopenSteps(
  connection: Connection,
  executionId: string,
  skipped: number | null,
): Promise<number[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ position: number; free: boolean }>(
    `WITH failure AS MATERIALIZED (
       SELECT min(finished_at) AS at FROM ${schema}.step WHERE execution_id = $1 AND state = 'failed' AND result IS NULL),
     again AS MATERIALIZED (
       SELECT s.position FROM ${schema}.step AS s, failure
       WHERE s.execution_id = $1 AND s.position IS DISTINCT FROM $2 AND (s.state = 'canceled' OR (s.state = 'failed' AND s.result IS NULL)
         OR (s.state = 'skipped' AND s.error IS NULL AND s.finished_at >= failure.at))
       ORDER BY s.position FOR UPDATE OF s),
     counted AS (
       SELECT again.position, (SELECT count(*)::integer FROM ${schema}.step AS p
         WHERE p.execution_id = $1 AND again.position = ANY (p.next) AND p.position IS DISTINCT FROM $2
           AND ((p.state NOT IN ('succeeded', 'skipped') AND (p.state <> 'failed' OR p.result IS NULL)) OR p.position IN (SELECT a.position FROM again AS a))) AS open
       FROM again)
     UPDATE ${schema}.step AS s
     SET state = 'pending', open_predecessors = greatest(counted.open, 1), attempt = 0, crashes = 0,
       published_epoch = -1, countdown_ms = CASE WHEN s.delivery > 0 THEN 0 ELSE s.countdown_ms END,
       worker_id = NULL, progress = NULL, poll = NULL, result = NULL, error = NULL,
       ready_at = NULL, started_at = NULL, claimed_at = NULL, finished_at = NULL
     FROM counted WHERE s.execution_id = $1 AND s.position = counted.position
     RETURNING s.position, counted.open = 0 AS free`,
    [executionId, skipped],
  );
  return rows.filter((row) => row.free).map((row) => row.position);
}
