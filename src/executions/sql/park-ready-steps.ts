import type { Connection } from '../connection.ts';

/**
 * `ready → delayed`, due now: in a paused execution nothing that is due becomes ready, and a claim that is under way
 * finds its delivery gone. Locks the steps by position; the caller holds the execution's row lock.
 */
export async function parkReadySteps(connection: Connection, executionId: string): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH open AS MATERIALIZED (
       SELECT position FROM ${schema}.step WHERE execution_id = $1 AND state = 'ready' ORDER BY position FOR UPDATE)
     UPDATE ${schema}.step AS s SET state = 'delayed', run_at = ${schema}.clock()
     FROM open WHERE s.execution_id = $1 AND s.position = open.position`,
    [executionId],
  );
}
