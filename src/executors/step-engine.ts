import type { JsonValue } from '../core/json.ts';
import type { StoredPlan } from '../executions/sql/find-stored-plan.ts';
import type { Observations } from '../resources/observations.ts';
import type { ChildState, StepRun } from '../tasks/step-handler.ts';

/**
 * What a running step asks of the ledger. In the worker it is asked at once; a step in a thread or a process of its own
 * asks its worker, so that it has neither a connection to the ledger nor the token of its claim.
 */
export interface StepEngine {
  /** @param percent - 0 to 100. */
  progress(percent: number, note: string): Promise<void>;
  storedPlan(): Promise<StoredPlan | undefined>;
  /** What a step of the same execution has added to the plan. */
  expansion(position: number): Promise<{ readonly data: JsonValue; readonly base: number | null } | undefined>;
  /** The number that the next step of the execution has. */
  nextPosition(): Promise<number>;
  readonly observations: Observations;
  /** Starts a background task for each input, in bulk; answers how many were not refused for their key. */
  startAll(task: string, inputs: readonly JsonValue[]): Promise<number>;
  child(args: JsonValue): Promise<ChildState | undefined>;
  readonly transaction: Pick<StepRun, 'complete' | 'isCompleted'>;
}
