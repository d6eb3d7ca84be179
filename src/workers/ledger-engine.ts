import type { JsonLimits, JsonValue } from '../core/json.ts';
import type { Connection } from '../executions/connection.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { findExpansion, findNextPosition } from '../executions/sql/find-expansion.ts';
import { findStoredPlan } from '../executions/sql/find-stored-plan.ts';
import { setProgress } from '../executions/sql/set-progress.ts';
import type { ChildStarter } from '../executors/child-starter.ts';
import type { StepEngine } from '../executors/step-engine.ts';
import { ofLedger } from '../executors/step-run.ts';
import { LedgerObservations } from '../resources/observations.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import { transactionalCompletion } from './transactional-completion.ts';

export interface LedgerEngineOptions {
  readonly connection: Connection;
  readonly resources: ResourceRegistry;
  readonly children: ChildStarter;
  readonly writes: ResourceWrites;
  readonly limits: JsonLimits;
  /** Starts a background task for each input, in bulk; answers how many were not refused for their key. */
  readonly startAll: (task: string, inputs: readonly JsonValue[], context: JsonValue) => Promise<number>;
}

/** The ledger, for one claimed step. */
export function ledgerEngine(step: ClaimedStep, options: LedgerEngineOptions): StepEngine {
  const { connection, resources, children } = options;
  const { executionId } = step;
  return {
    async progress(percent, note) {
      await setProgress(connection, step, { percent, note });
    },
    storedPlan: () => ofLedger(() => findStoredPlan(connection, executionId)),
    expansion: (position) => findExpansion(connection, executionId, position),
    nextPosition: () => findNextPosition(connection, executionId),
    observations: new LedgerObservations(connection, resources, step),
    startAll: (task, inputs) => options.startAll(task, inputs, step.context),
    child: (args) => ofLedger(() => children.start(connection, step, args)),
    transaction: transactionalCompletion(step, options),
  };
}
