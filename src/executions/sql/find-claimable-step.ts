import type { Connection } from '../connection.ts';
import type { ExecutionState, StepState } from '../states.ts';

export interface ClaimableStep {
  readonly state: StepState;
  readonly delivery: number;
  readonly begins: boolean;
  readonly task: string;
  readonly queue: string;
  readonly paused: boolean;
  readonly execution_state: ExecutionState;
}

/** Why a step could or could not be claimed, by primary key, without a lock; undefined when there is no such step. */
export async function findClaimableStep(
  connection: Connection,
  executionId: string,
  position: number,
): Promise<ClaimableStep | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ClaimableStep>(
    `SELECT s.state, s.delivery, s.begins, s.task, s.queue, e.state AS execution_state,
       EXISTS (SELECT 1 FROM ${schema}.queue q WHERE q.name = s.queue AND q.paused_at IS NOT NULL) AS paused
     FROM ${schema}.step AS s JOIN ${schema}.execution AS e ON e.id = s.execution_id
     WHERE s.execution_id = $1 AND s.position = $2`,
    [executionId, position],
  );
  return rows[0];
}
