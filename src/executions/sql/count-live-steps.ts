import type { Connection } from '../connection.ts';

export interface LiveSteps {
  /** Steps that a worker holds or that wait for a child, and children that are awaited: they end by themselves. */
  readonly running: number;
  /** Steps that may still start. */
  readonly open: number;
}

/**
 * What is alive of an execution, as one snapshot sees it. Its row lock keeps neither a claim, which locks the step alone,
 * nor the end of a child from moving a step.
 */
export async function countLiveSteps(connection: Connection, executionId: string): Promise<LiveSteps> {
  const { schema } = connection;
  const { rows } = await connection.query<LiveSteps>(
    `SELECT (s.running + (SELECT count(*) FROM ${schema}.execution WHERE parent_id = $1 AND active AND awaited))::integer
       AS running, s.open::integer
     FROM (SELECT count(*) FILTER (WHERE state = 'running' OR waiting_for = 'child') AS running,
         count(*) FILTER (WHERE state <> 'running' AND waiting_for IS DISTINCT FROM 'child') AS open
       FROM ${schema}.step
       WHERE execution_id = $1 AND state IN ('pending', 'waiting', 'delayed', 'ready', 'running')) AS s`,
    [executionId],
  );
  return rows[0] ?? { running: 0, open: 0 };
}
