import type { Connection } from '../connection.ts';
import type { AdvancedRow } from './advance-steps.ts';

/**
 * Lets the next members of a bounded group start, as many as have just ended, in the order of the plan. The caller holds
 * the row of the group's join, which makes the members take turns; so the bound is exact.
 */
export async function startWaitingMembers(
  connection: Connection,
  executionId: string,
  join: { readonly position: number; readonly count: number },
): Promise<AdvancedRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<AdvancedRow>(
    `WITH next AS MATERIALIZED (
       SELECT position FROM ${schema}.step
       WHERE execution_id = $1 AND state = 'waiting' AND waiting_for = 'group' AND (effects -> 'bound' ->> 'join')::integer = $2
       ORDER BY position LIMIT $3 FOR UPDATE)
     UPDATE ${schema}.step AS s
     SET state = CASE WHEN s.countdown_ms > 0 THEN 'delayed' WHEN s.effects ? 'acquire' THEN 'waiting' ELSE 'ready' END,
       waiting_for = CASE WHEN s.countdown_ms = 0 THEN s.effects -> 'acquire' ->> 'waitsFor' END,
       delivery = CASE WHEN s.countdown_ms > 0 OR s.effects ? 'acquire' THEN s.delivery ELSE s.delivery + 1 END,
       ready_at = CASE WHEN s.countdown_ms > 0 OR s.effects ? 'acquire' THEN NULL ELSE ${schema}.clock() END,
       run_at = CASE WHEN s.countdown_ms > 0 THEN ${schema}.clock() + s.countdown_ms * interval '1 millisecond' END
     FROM next WHERE s.execution_id = $1 AND s.position = next.position
     RETURNING s.execution_id AS "executionId", s.position, s.state, s.kind, s.next, s.delivery, s.queue, s.priority, false AS bounds, 1 AS arrived, NULL AS release`,
    [executionId, join.position, join.count],
  );
  return rows;
}
