import type { ClaimedStep } from './claimed-step.ts';
import type { Connection } from './connection.ts';
import { insertSteps } from './sql/insert-steps.ts';
import { requestPermits } from './sql/request-permits.ts';
import { setNextSteps } from './sql/set-next-steps.ts';
import type { StepDraft } from './step-plan.ts';

/**
 * Adds the steps that a step has worked out: they stand between it and what came behind it. To be called in its
 * completion, under the execution's exclusive lock.
 */
export async function addSteps(
  connection: Connection,
  step: ClaimedStep,
  added: readonly StepDraft[],
  priority: number,
): Promise<void> {
  const { executionId, position, next } = step;
  const scoped = step.effects.permits === 'releases';
  const steps = added.map((draft, index) => ({
    ...draft,
    next: index === added.length - 1 ? next : draft.next,
    effects: { ...draft.effects, permits: scoped ? 'releases' : (draft.effects.permits ?? 'none') } as const,
  }));
  await insertSteps(connection, { executionId, priority, countdownMs: 0, steps, expandedBy: position });
  const first = steps.filter((draft) => draft.openPredecessors === 0).map((draft) => draft.position);
  await setNextSteps(connection, executionId, position, first);
  await requestPermits(connection, executionId, first);
}
