import type { Connection } from '../connection.ts';
import { inScope } from './in-scope.ts';

/**
 * Lets an execution into scopes whose permits it holds: their first steps succeed. Answers what comes next: their
 * successors, and steps inside that an operator's retry had parked until the permits are there again, which are
 * `pending` with one open predecessor now, and whether there were any. Locks the steps by position; the caller holds the throttles' locks.
 */
export async function enterScopes(
  connection: Connection,
  executionId: string,
  positions: readonly number[],
): Promise<{ readonly next: readonly number[]; readonly parked: boolean }> {
  const { schema } = connection;
  const { rows } = await connection.query<{ position: number; first: boolean; next: number[] }>(
    `WITH entered AS MATERIALIZED (
       SELECT s.position, s.position = ANY ($2) AS first FROM ${schema}.step AS s
       WHERE s.execution_id = $1 AND s.state = 'waiting' AND s.waiting_for IN ('permit', 'hold')
         AND (s.position = ANY ($2) OR (
           NOT EXISTS (SELECT 1 FROM ${schema}.permit AS o WHERE o.execution_id = $1 AND o.position = s.position)
           AND EXISTS (SELECT 1 FROM ${schema}.permit AS o WHERE o.execution_id = $1 AND o.position = ANY ($2)
             AND ${inScope('s', 'o')})))
       ORDER BY s.position FOR UPDATE OF s)
     UPDATE ${schema}.step AS s
     SET state = CASE WHEN entered.first THEN 'succeeded' ELSE 'pending' END, waiting_for = NULL,
       open_predecessors = CASE WHEN entered.first THEN 0 ELSE 1 END,
       started_at = CASE WHEN entered.first THEN ${schema}.clock() END,
       finished_at = CASE WHEN entered.first THEN ${schema}.clock() END
     FROM entered WHERE s.execution_id = $1 AND s.position = entered.position
     RETURNING s.position, entered.first, s.next`,
    [executionId, positions],
  );
  const next = rows.flatMap((row) => (row.first ? row.next : [row.position]));
  return { next, parked: rows.some((row) => !row.first) };
}
