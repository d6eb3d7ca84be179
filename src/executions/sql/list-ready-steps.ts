import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

/**
 * Steps that a worker may claim now, published or not, oldest first; locks nothing.
 *
 * @param within - Only those of this execution and of what it has started.
 */
export async function listReadySteps(
  connection: Connection,
  { within, limit }: { readonly within: string | null; readonly limit: number },
): Promise<ReadyStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ReadyStep>(
    `WITH RECURSIVE family AS (
       SELECT $1::uuid AS id WHERE $1 IS NOT NULL
       UNION ALL
       SELECT e.id FROM ${schema}.execution AS e JOIN family ON e.parent_id = family.id)
     SELECT s.execution_id AS "executionId", s.position, s.delivery, s.queue, s.priority FROM ${schema}.step AS s
     JOIN ${schema}.execution AS e ON e.id = s.execution_id AND e.state = 'running'
     JOIN ${schema}.queue AS q ON q.name = s.queue AND q.paused_at IS NULL
     WHERE s.state = 'ready' AND ($1::uuid IS NULL OR s.execution_id IN (SELECT id FROM family))
     ORDER BY s.priority, s.ready_at, s.execution_id, s.position LIMIT $2`,
    [within, limit],
  );
  return rows;
}
