import type { Connection } from '../connection.ts';

/** `running ↔ paused`, by primary key; the caller holds the row lock and has looked at the state. */
export async function setExecutionState(
  connection: Connection,
  executionId: string,
  state: 'running' | 'paused',
): Promise<void> {
  await connection.query(`UPDATE ${connection.schema}.execution SET state = $2 WHERE id = $1`, [executionId, state]);
}
