import type { Connection } from '../connection.ts';

/** `failed → skipped` for one step; it keeps its error, which tells it from what a failure left out. By primary key. */
export async function markSkipped(connection: Connection, executionId: string, position: number): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.step SET state = 'skipped'
     WHERE execution_id = $1 AND position = $2 AND state = 'failed'`,
    [executionId, position],
  );
}
