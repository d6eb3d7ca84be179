import type { Connection } from '../connection.ts';
import type { ExecutionState, StepState } from '../states.ts';

export interface ClaimableStep {
  readonly state: StepState;
  readonly delivery: number;
  readonly begins: boolean;
  /** How many workers it has lost. */
  readonly crashes: number;
  readonly task: string;
  readonly queue: string;
  readonly paused: boolean;
  /** A resource type of the execution that is not among those that were asked for. */
  readonly unknown_type: string | null;
  readonly execution_state: ExecutionState;
}

/** Why a step could or could not be claimed, by primary key, without a lock; undefined when there is no such step. */
export async function findClaimableStep(
  connection: Connection,
  executionId: string,
  position: number,
  resourceTypes: readonly string[],
): Promise<ClaimableStep | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ClaimableStep>(
    `SELECT s.state, s.delivery, s.begins, s.crashes, s.task, s.queue, e.state AS execution_state,
       EXISTS (SELECT 1 FROM ${schema}.queue q WHERE q.name = s.queue AND q.paused_at IS NOT NULL) AS paused,
       CASE WHEN e.resource_type <> ALL ($3) THEN e.resource_type ELSE (SELECT min(r.resource_type)
         FROM ${schema}.execution_resource r WHERE r.execution_id = e.id AND r.resource_type <> ALL ($3)) END AS unknown_type
     FROM ${schema}.step AS s JOIN ${schema}.execution AS e ON e.id = s.execution_id
     WHERE s.execution_id = $1 AND s.position = $2`,
    [executionId, position, resourceTypes],
  );
  return rows[0];
}
