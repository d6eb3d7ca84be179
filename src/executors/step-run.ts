import { ReeveError } from '../core/errors.ts';
import type { JsonLimits } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';
import { storableText, storeError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StoredPlan } from '../executions/sql/find-stored-plan.ts';
import { isConflictError, isConnectionError } from '../executions/sql-state.ts';
import { resolveReferences } from '../executions/step-references.ts';
import { Observer } from '../resources/observer.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import type { GatePredicate } from '../tasks/plan-builder.ts';
import type { StepRun } from '../tasks/step-handler.ts';
import type { TaskContext } from '../tasks/task-context.ts';
import { expandStep } from './expand-step.ts';
import type { PlanFunctions } from './plan-functions.ts';
import type { StepEngine } from './step-engine.ts';
import type { TaskRegistry } from './task-registry.ts';

/** What the code of steps is found in. */
export interface StepSurroundings {
  readonly resources: ResourceRegistry;
  readonly functions: PlanFunctions;
  readonly tasks: TaskRegistry;
  readonly limits: JsonLimits;
}

/** One attempt, where its code runs: in the worker, or in a thread or a process of its own. */
export interface Attempt {
  readonly step: ClaimedStep;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly engine: StepEngine;
}

/** What the handler of a step is given. @throws REFERENCE_MISSING */
export function stepRun(attempt: Attempt, surroundings: StepSurroundings): StepRun {
  const { step, signal, logger, engine } = attempt;
  const { resources } = surroundings;
  const subject = `step ${step.position + 1} "${step.description}"`;
  const args = resolveReferences(step.args, (position) => step.results[String(position)], subject);
  const context = taskContext(attempt);
  const loadResource = async (): Promise<object> => {
    const ref = context.resource;
    if (ref === null) throw new ReeveError('EXECUTION_CORRUPT', `${subject} needs a resource and has none`);
    const row = await ofLedger(() => resources.load(ref));
    if (row !== undefined) return row;
    throw new ReeveError('RESOURCE_LOST', `${ref.type} ${ref.id} was deleted by hand before ${subject} ran`);
  };
  const otherBuild = (): undefined => {
    const text = `${subject} is left to a build with the same plan of "${step.executor}"`;
    logger.warn({ event: 'step.other_build' }, text);
    return undefined;
  };
  return {
    step,
    args,
    context,
    loadResource,
    ...engine.transaction,
    child: () => engine.child(args),
    async decide() {
      const stored = await engine.storedPlan();
      const predicate = stored && (await findPredicate(attempt, stored, surroundings.functions));
      if (predicate === undefined) return otherBuild();
      const resource = context.resource === null ? null : await loadResource();
      return predicate(resource as never, context);
    },
    async expand() {
      const stored = await engine.storedPlan();
      const resource = context.resource === null ? null : await loadResource();
      const run = { step, context, resource };
      return (stored && (await expandStep(engine, stored, run, surroundings))) ?? otherBuild();
    },
    observer: new Observer(resources, engine.observations),
    startAll: (task, inputs) => engine.startAll(task.name, inputs),
    loadBackend(resource) {
      return this.backendOf(step.resourceType ?? '', resource);
    },
    backendOf(type, resource) {
      const { definition } = resources.get(type);
      if (definition.backend === undefined) {
        throw new ReeveError('PLAN_INVALID', `${subject} calls a backend, but resource "${type}" declares none`);
      }
      return definition.backend(resource, {
        signal,
        logger,
        idempotencyKey: context.idempotencyKey,
        fence: step.fence,
      });
    },
  };
}

/** A database that goes away under a question of the engine's own is a passing failure, whatever the step's policy is. */
export async function ofLedger<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isConnectionError(error) && !isConflictError(error)) throw error;
    const message = `PostgreSQL does not answer: ${storeError(error).message}`;
    throw new ReeveError('LEDGER_UNAVAILABLE', message, { cause: error, retryable: true });
  }
}

async function findPredicate(
  { step, engine }: Attempt,
  stored: StoredPlan,
  functions: PlanFunctions,
): Promise<GatePredicate | undefined> {
  const { position, expandedBy } = step;
  if (expandedBy === null) return functions.predicate(stored, position);
  const expansion = await engine.expansion(expandedBy);
  if (expansion === undefined || expansion.base === null) return undefined;
  return functions.predicate(stored, position, { position: expandedBy, base: expansion.base, data: expansion.data });
}

function taskContext({ step, signal, logger, engine }: Attempt): TaskContext {
  const resource =
    step.resourceType === null || step.resourceId === null ? null : { type: step.resourceType, id: step.resourceId };
  return {
    signal,
    logger,
    executionId: step.executionId,
    position: step.position,
    attempt: step.attempt,
    idempotencyKey: `${step.executionId}:${step.position}`,
    fence: step.fence,
    context: step.context,
    resource,
    async progress(percent, note = '') {
      const bounded = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
      await engine.progress(bounded, storableText(note, 1_000));
    },
  };
}
