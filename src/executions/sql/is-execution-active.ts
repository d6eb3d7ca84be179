import type { Connection } from '../connection.ts';

/**
 * Whether an execution has not ended, with its row locked FOR SHARE: its end waits until the caller has committed, so
 * that who decides to wait for it cannot miss it.
 */
export async function isExecutionActive(connection: Connection, executionId: string): Promise<boolean> {
  const { rows } = await connection.query<{ active: boolean }>(
    `SELECT active FROM ${connection.schema}.execution WHERE id = $1 FOR SHARE`,
    [executionId],
  );
  return rows[0]?.active ?? false;
}
