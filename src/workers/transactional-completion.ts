import type { JsonLimits } from '../core/json.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { Connection } from '../executions/connection.ts';
import { finishPlainly } from '../executions/completions.ts';
import { finishStepOn } from '../executions/finish-step.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { isAttemptRecorded } from '../executions/sql/is-attempt-recorded.ts';
import type { StepRun } from '../tasks/step-handler.ts';
import { outcomeOfAnswer } from './decide-outcome.ts';

/** What a transactional step needs to end in its own transaction: see {@link StepRun.complete}. */
export function transactionalCompletion(
  step: ClaimedStep,
  environment: { readonly connection: Connection; readonly writes: ResourceWrites; readonly limits: JsonLimits },
): Pick<StepRun, 'complete' | 'isCompleted'> {
  const { connection: pool, writes, limits } = environment;
  return {
    async complete(connection, result) {
      const outcome = outcomeOfAnswer(step, { kind: 'succeeded', result }, limits);
      const finished = await finishPlainly(connection, step, outcome);
      return finished ?? finishStepOn(connection, writes, { step, outcome });
    },
    isCompleted: () => isAttemptRecorded(pool, step),
  };
}
