import { ReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { stepsReaped } from '../core/metrics.ts';
import { storeError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import { finishStep, type FinishAnswer } from '../executions/finish-step.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import { stepLogger } from './step-log.ts';

export interface ReapOptions {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  readonly logger: Logger;
  readonly maxCrashes: number;
}

/** Ends a claim whose lease is over: the step goes on elsewhere, or fails after its last crash. */
export async function reapStep(
  { pool, writes, logger, maxCrashes }: ReapOptions,
  step: ClaimedStep,
): Promise<FinishAnswer> {
  const crashes = step.crashes + 1;
  const error = storeError(
    new ReeveError(
      'TASK_CRASHED',
      `the worker ${step.workerId ?? ''} that ran step ${step.position + 1} "${step.description}" died or hung (${crashes} of ${maxCrashes}${crashes >= maxCrashes && maxCrashes > 1 ? '; nothing else ran in it the last time' : ''})`,
    ),
  );
  const outcome: StepOutcome =
    crashes >= maxCrashes ? { kind: 'failed', error } : { kind: 'crashed', error, delayMs: 0 };
  const answer = await finishStep(pool, writes, { step, outcome, expiredOnly: true });
  if (answer.kind === 'stale') return answer;
  stepsReaped.inc();
  stepLogger(logger, step).warn({ event: 'step.reaped', worker: step.workerId, crashes }, error.message);
  return answer;
}
