import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

/**
 * A scope whose permits can never be had: its first step goes to a worker, which fails it with the reason. Its places in
 * line are free again. The caller holds the locks of its throttles.
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
  const { rows } = await connection.query<ReadyStep>(
    `UPDATE ${schema}.step SET state = 'ready', waiting_for = NULL, delivery = delivery + 1, published_epoch = -1,
       ready_at = ${schema}.clock(), poll = jsonb_build_object('refused', $3::jsonb)
     WHERE execution_id = $1 AND position = $2 AND state = 'waiting'
     RETURNING execution_id AS "executionId", position, delivery, queue, priority`,
    [executionId, position, JSON.stringify(reason)],
  );
  return rows;
}
