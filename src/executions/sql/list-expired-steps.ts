import { claimedColumns, claimedStep, type ClaimedRow, type ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/**
 * Running steps whose lease is over, oldest first, by the index step_lease. Locks nothing: each is ended in a
 * transaction of its own that looks at the lease again under the lock.
 */
export async function listExpiredSteps(connection: Connection, limit: number): Promise<ClaimedStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ClaimedRow>(
    `SELECT ${claimedColumns(connection)}
     FROM ${schema}.step AS s JOIN ${schema}.execution AS e ON e.id = s.execution_id
     WHERE s.state = 'running' AND s.lease_until < ${schema}.clock() ORDER BY s.lease_until LIMIT $1`,
    [limit],
  );
  return rows.map((row) => claimedStep(row));
}
