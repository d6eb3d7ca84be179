import type { Connection } from '../connection.ts';

/** How many steps of an execution a worker holds, or a child; under the execution's row lock nobody can add to them. */
export async function countRunningSteps(connection: Connection, executionId: string): Promise<number> {
  const { rows } = await connection.query<{ running: number }>(
    `SELECT ((SELECT count(*) FROM ${connection.schema}.step WHERE execution_id = $1 AND (state = 'running' OR waiting_for = 'child'))
       + (SELECT count(*) FROM ${connection.schema}.execution WHERE parent_id = $1 AND active AND awaited))::integer AS running`,
    [executionId],
  );
  return rows[0]?.running ?? 0;
}
