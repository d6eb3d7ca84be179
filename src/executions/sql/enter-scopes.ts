import type { Connection } from '../connection.ts';
import type { StepPlace } from './advance-steps.ts';
import { inScope } from './in-scope.ts';

/**
 * Lets executions into scopes whose permits they hold: the first steps at `places` succeed. Answers what comes next: their
 * successors, and steps inside that an operator's retry had parked until the permits are there again, which are
 * `pending` with one open predecessor now, and the executions that have such. Locks the steps by execution and position;
 * the caller holds the throttles' locks.
 */
export async function enterScopes(
  connection: Connection,
  places: readonly StepPlace[],
): Promise<{ readonly next: readonly StepPlace[]; readonly parked: readonly string[] }> {
  const { schema } = connection;
  const { rows } = await connection.query<StepPlace & { readonly first: boolean; readonly next: readonly number[] }>(
    `WITH place AS MATERIALIZED (
       SELECT DISTINCT execution_id, position FROM unnest($1::uuid[], $2::integer[]) AS p(execution_id, position)),
     entered AS MATERIALIZED (
       SELECT s.execution_id, s.position,
         EXISTS (SELECT 1 FROM place AS p WHERE p.execution_id = s.execution_id AND p.position = s.position) AS first
       FROM ${schema}.step AS s
       WHERE s.execution_id = ANY ($1) AND (s.state = 'waiting') IS TRUE
         AND s.waiting_for IN ('permit', 'hold') AND (EXISTS (SELECT 1 FROM place AS p WHERE p.execution_id = s.execution_id AND p.position = s.position) OR (
           NOT EXISTS (SELECT 1 FROM ${schema}.permit AS o
             WHERE o.execution_id = s.execution_id AND o.position = s.position)
           AND EXISTS (SELECT 1 FROM place AS p JOIN ${schema}.permit AS o
               ON o.execution_id = p.execution_id AND o.position = p.position
             WHERE p.execution_id = s.execution_id AND ${inScope('s', 'o')})))
       ORDER BY s.execution_id, s.position FOR UPDATE OF s)
     UPDATE ${schema}.step AS s
     SET state = CASE WHEN entered.first THEN 'succeeded' ELSE 'pending' END, waiting_for = NULL,
       open_predecessors = CASE WHEN entered.first THEN 0 ELSE 1 END,
       started_at = CASE WHEN entered.first THEN ${schema}.clock() END,
       finished_at = CASE WHEN entered.first THEN ${schema}.clock() END
     FROM entered WHERE s.execution_id = entered.execution_id AND s.position = entered.position
     RETURNING s.execution_id AS "executionId", s.position, entered.first, s.next`,
    [places.map(({ executionId }) => executionId), places.map(({ position }) => position)],
  );
  const next = rows.flatMap(({ executionId, position, first, next: behind }) =>
    (first ? behind : [position]).map((to) => ({ executionId, position: to })),
  );
  const parked = rows.flatMap(({ executionId, first }) => (first ? [] : [executionId]));
  return { next, parked: [...new Set(parked)] };
}
