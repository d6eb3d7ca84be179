import type { Connection } from '../connection.ts';

/**
 * Ends every step that has not started: `skipped` because its execution failed, `canceled` because somebody asked for
 * it. What waits for a child ends after the child. Locks them by position; the caller holds the execution's row lock.
 */
export async function endOpenSteps(
  connection: Connection,
  executionId: string,
  state: 'skipped' | 'canceled',
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH open AS MATERIALIZED (
       SELECT position FROM ${schema}.step
       WHERE execution_id = $1 AND state IN ('pending', 'waiting', 'delayed', 'ready')
         AND waiting_for IS DISTINCT FROM 'child' ORDER BY position FOR UPDATE)
     UPDATE ${schema}.step AS s SET state = $2, waiting_for = NULL, run_at = NULL, finished_at = ${schema}.clock()
     FROM open WHERE s.execution_id = $1 AND s.position = open.position`,
    [executionId, state],
  );
}
