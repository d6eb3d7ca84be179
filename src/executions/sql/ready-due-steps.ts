import type { Connection } from '../connection.ts';

export interface DueRound {
  /** How many steps became ready. */
  readonly count: number;
  /** Milliseconds until the next delayed step is due, or null when none is delayed. Paused executions do not count. */
  readonly nextDueMs: number | null;
  /** First steps of scopes whose countdown is over: they wait for permits now, which the caller requests. */
  readonly waiting: readonly { readonly executionId: string; readonly position: number }[];
}

/**
 * `delayed → ready` for what is due, a bounded batch by the index step_due, passing over what others have locked; each
 * gets a new delivery, so the job of the last one can do no harm. Steps of a paused execution wait.
 */
export async function readyDueSteps(connection: Connection, limit: number): Promise<DueRound> {
  const { schema } = connection;
  const { count, rows: moved } = await connection.query<{ executionId: string; position: number; waits: boolean }>(
    `WITH due AS MATERIALIZED (
       SELECT s.execution_id, s.position FROM ${schema}.step AS s
       JOIN ${schema}.execution AS e ON e.id = s.execution_id AND e.state = 'running'
       WHERE s.state = 'delayed' AND s.run_at <= ${schema}.clock()
       ORDER BY s.run_at LIMIT $1 FOR UPDATE OF s SKIP LOCKED)
     UPDATE ${schema}.step AS s
     SET state = CASE WHEN s.effects ? 'acquire' THEN 'waiting' ELSE 'ready' END,
       waiting_for = s.effects -> 'acquire' ->> 'waitsFor',
       delivery = CASE WHEN s.effects ? 'acquire' THEN s.delivery ELSE s.delivery + 1 END,
       published_epoch = -1, run_at = NULL, ready_at = ${schema}.clock()
     FROM due WHERE s.execution_id = due.execution_id AND s.position = due.position
     RETURNING s.execution_id AS "executionId", s.position, s.state = 'waiting' AS waits`,
    [limit],
  );
  const nextDueMs = await nextStepDueMs(connection);
  return { count, nextDueMs, waiting: moved.filter((step) => step.waits) };
}

/** Its milliseconds, or no row, as {@link nextStepDueMs} answers them; one statement, or part of another. */
export function nextStepDueSql(schema: string): string {
  return `SELECT (extract(epoch FROM s.run_at - ${schema}.clock()) * 1000)::float8 AS ms
     FROM ${schema}.step AS s JOIN ${schema}.execution AS e ON e.id = s.execution_id AND e.state = 'running'
     WHERE s.state = 'delayed' ORDER BY s.run_at LIMIT 1`;
}

/** Milliseconds until the next delayed step is due, 0 or less for one that is; null when none is delayed. */
export async function nextStepDueMs(connection: Connection): Promise<number | null> {
  const { rows } = await connection.query<{ ms: number }>(nextStepDueSql(connection.schema));
  return rows[0]?.ms ?? null;
}
