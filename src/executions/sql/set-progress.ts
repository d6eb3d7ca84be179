import type { JsonValue } from '../../core/json.ts';
import type { ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/** Stores how far a running step is; false when the token no longer holds it. */
export async function setProgress(connection: Connection, step: ClaimedStep, progress: JsonValue): Promise<boolean> {
  const { count } = await connection.query(
    `UPDATE ${connection.schema}.step SET progress = $4::jsonb
     WHERE execution_id = $1 AND position = $2 AND claim_token = $3`,
    [step.executionId, step.position, step.token, JSON.stringify(progress)],
  );
  return count === 1;
}
