import type { Connection } from '../connection.ts';

/**
 * Sends what is due, or ready already, out again as a new delivery: whatever came of the last one while the execution
 * was paused. A scope whose countdown is over is left to the due loop. Locks the steps by position; the caller holds the execution's row lock.
 */
export async function unparkSteps(connection: Connection, executionId: string): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH due AS MATERIALIZED (
       SELECT position FROM ${schema}.step
       WHERE execution_id = $1 AND (state = 'ready' OR (state = 'delayed' AND run_at <= ${schema}.clock()
         AND NOT effects ? 'acquire'))
       ORDER BY position FOR UPDATE)
     UPDATE ${schema}.step AS s
     SET state = 'ready', delivery = s.delivery + 1, published_epoch = -1, run_at = NULL, ready_at = ${schema}.clock()
     FROM due WHERE s.execution_id = $1 AND s.position = due.position`,
    [executionId],
  );
}
