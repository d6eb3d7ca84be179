import type { Connection } from '../connection.ts';

/** Makes every step that has not started `skipped`, because its execution failed. Locks them by position. */
export async function skipOpenSteps(connection: Connection, executionId: string): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH open AS MATERIALIZED (
       SELECT position FROM ${schema}.step
       WHERE execution_id = $1 AND state IN ('pending', 'waiting', 'delayed', 'ready') ORDER BY position FOR UPDATE)
     UPDATE ${schema}.step AS s SET state = 'skipped', waiting_for = NULL, run_at = NULL, finished_at = ${schema}.clock()
     FROM open WHERE s.execution_id = $1 AND s.position = open.position`,
    [executionId],
  );
}

/** How many steps of an execution a worker holds; under the execution's row lock nobody can add to them. */
export async function countRunningSteps(connection: Connection, executionId: string): Promise<number> {
  const { rows } = await connection.query<{ running: number }>(
    `SELECT count(*)::integer AS running FROM ${connection.schema}.step WHERE execution_id = $1 AND state = 'running'`,
    [executionId],
  );
  return rows[0]?.running ?? 0;
}
