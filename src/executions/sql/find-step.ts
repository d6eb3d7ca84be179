import type { Connection } from '../connection.ts';
import type { StepKind, StepState } from '../states.ts';
import type { StepEffects } from '../step-plan.ts';

export interface FoundStep {
  readonly state: StepState;
  readonly kind: StepKind;
  readonly description: string;
  readonly effects: StepEffects;
}

/** One step by primary key, without a lock; undefined when the plan has no such position. */
export async function findStep(
  connection: Connection,
  executionId: string,
  position: number,
): Promise<FoundStep | undefined> {
  const { rows } = await connection.query<FoundStep>(
    `SELECT state, kind, description, effects FROM ${connection.schema}.step WHERE execution_id = $1 AND position = $2`,
    [executionId, position],
  );
  return rows[0];
}
