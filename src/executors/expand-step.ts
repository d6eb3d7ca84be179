import { toJson, type JsonLimits, type JsonValue } from '../core/json.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StoredPlan } from '../executions/sql/find-stored-plan.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import type { TaskContext } from '../tasks/task-context.ts';
import type { PlanFunctions } from './plan-functions.ts';
import { withScopeKeys } from './scope-keys.ts';
import type { StepEngine } from './step-engine.ts';
import type { TaskRegistry } from './task-registry.ts';

interface Expanding {
  readonly step: ClaimedStep;
  readonly context: TaskContext;
  readonly resource: object | null;
}

/**
 * Works out what a step adds to its plan: loads the data, and builds the steps that follow from it.
 *
 * @returns Undefined when this build has another plan than the one that is stored.
 * @throws PLAN_INVALID, TASK_UNKNOWN, RESULT_NOT_JSON, or what the plan's own functions throw.
 */
export async function expandStep(
  engine: Pick<StepEngine, 'nextPosition'>,
  stored: StoredPlan,
  { step, context, resource }: Expanding,
  known: { readonly functions: PlanFunctions; readonly tasks: TaskRegistry; readonly limits: JsonLimits },
): Promise<{ data: JsonValue; steps: readonly StepDraft[] } | undefined> {
  const { functions, tasks, limits } = known;
  const expansion = functions.expansion(stored, step.position);
  if (expansion === undefined) return undefined;
  const loaded: unknown = await expansion.load(resource as never, context);
  const data = toJson(loaded, `What step ${step.position + 1} loads`, limits, 'RESULT_NOT_JSON');
  const base = await engine.nextPosition();
  const added = functions.add(stored, { position: step.position, base, data });
  if (added === undefined) return undefined;
  for (const { task } of added.steps) tasks.handler(task);
  return { data, steps: withScopeKeys(added.steps, added.throttles, resource) };
}
