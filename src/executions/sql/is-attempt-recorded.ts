import type { ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/** Whether an attempt with this token has ended, that is: whether a completion whose COMMIT was not answered is there. */
export async function isAttemptRecorded(connection: Connection, step: ClaimedStep): Promise<boolean> {
  const { count } = await connection.query(
    `SELECT 1 FROM ${connection.schema}.attempt WHERE execution_id = $1 AND position = $2 AND claim_token = $3`,
    [step.executionId, step.position, step.token],
  );
  return count > 0;
}
