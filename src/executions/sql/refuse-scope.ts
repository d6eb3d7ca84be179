import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

/**
 * A scope whose permits can never be had: its first step goes to a worker, which fails it with the reason. Where it had
 * begun before a failure, and a retry has lost its permits, that is the first of its steps that wait for them. Its places
 * in line are free again. The caller holds the locks of its throttles.
 */
export async function refuseScope(
  connection: Connection,
  executionId: string,
  position: number,
  reason: JsonValue,
): Promise<ReadyStep[]> {
  const { schema } = connection;
  await connection.query(`DELETE FROM ${schema}.permit WHERE execution_id = $1 AND position = $2 AND NOT held`, [
    executionId,
    position,
  ]);
  const within = `BETWEEN a.position AND (a.effects -> 'acquire' ->> 'last')::integer`;
  const { rows } = await connection.query<ReadyStep>(
    `WITH waiting AS MATERIALIZED (
       SELECT s.position FROM ${schema}.step AS s JOIN ${schema}.step AS a ON a.execution_id = $1 AND a.position = $2
       WHERE s.execution_id = $1 AND s.state = 'waiting' AND s.waiting_for IN ('permit', 'hold')
         AND (s.position = $2 OR (a.state = 'succeeded' AND NOT s.effects ? 'acquire' AND (s.position ${within} OR s.expanded_by ${within})))
       ORDER BY s.position LIMIT 1 FOR UPDATE OF s)
     UPDATE ${schema}.step AS s SET state = 'ready', waiting_for = NULL, delivery = delivery + 1, published_epoch = -1,
       ready_at = ${schema}.clock(), poll = jsonb_build_object('refused', $3::jsonb)
     FROM waiting WHERE s.execution_id = $1 AND s.position = waiting.position
     RETURNING s.execution_id AS "executionId", s.position, s.delivery, s.queue, s.priority`,
    [executionId, position, JSON.stringify(reason)],
  );
  return rows;
}
