import { ReeveError } from '../core/errors.ts';
import { formatMs } from '../core/duration.ts';
import type { Logger } from '../core/logging.ts';
import type { JsonValue } from '../core/json.ts';
import { storableText, storeError } from '../core/stored-error.ts';
import type { Connection } from '../executions/connection.ts';
import { setProgress } from '../executions/sql/set-progress.ts';
import { isConflictError, isConnectionError } from '../executions/sql-state.ts';
import { resolveReferences } from '../executions/step-references.ts';
import type { JsonLimits } from '../core/json.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import type { ChildStarter } from '../executors/child-starter.ts';
import { expandStep } from '../executors/expand-step.ts';
import type { PlanFunctions } from '../executors/plan-functions.ts';
import type { TaskRegistry } from '../executors/task-registry.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import { findExpansion } from '../executions/sql/find-expansion.ts';
import { findStoredPlan, type StoredPlan } from '../executions/sql/find-stored-plan.ts';
import { Observer } from '../resources/observer.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import type { HandlerAnswer, StepHandler, StepRun } from '../tasks/step-handler.ts';
import type { GatePredicate } from '../tasks/plan-builder.ts';
import type { TaskContext } from '../tasks/task-context.ts';
import type { ActiveClaim } from './active-claims.ts';
import { transactionalCompletion } from './transactional-completion.ts';

export interface RunEnvironment {
  readonly connection: Connection;
  readonly resources: ResourceRegistry;
  readonly functions: PlanFunctions;
  readonly tasks: TaskRegistry;
  readonly limits: JsonLimits;
  readonly children: ChildStarter;
  readonly logger: Logger;
  readonly writes: ResourceWrites;
  /** How long the step is given to end by itself after a cancel. */
  readonly cancelGraceMs: number;
  /** Starts a background task for each input, in bulk; answers how many were not refused for their key. */
  readonly startAll: (task: string, inputs: readonly JsonValue[], context: JsonValue) => Promise<number>;
}

/**
 * Runs the handler of a claimed step within its limits. At the soft limit the signal is aborted; at the hard limit the
 * attempt is over, whatever the code still does: its token is spent, so nothing of it can be written. A cancel is both,
 * one after the other: the signal at once, the end of the attempt after the grace.
 */
export async function runHandler(
  claim: ActiveClaim,
  handler: StepHandler,
  environment: RunEnvironment,
): Promise<HandlerAnswer> {
  const { softTimeLimitMs, timeLimitMs } = claim.step.policy;
  const timers: NodeJS.Timeout[] = [];
  if (softTimeLimitMs !== null) timers.push(setTimeout(() => claim.abort('soft-limit'), softTimeLimitMs));
  let ended = false;
  const overdue = new Promise<never>((_resolve, reject) => {
    const { cancelGraceMs } = environment;
    const giveGrace = (): void => {
      if (!ended) timers.push(setTimeout(() => reject(ignoredCancel(claim, cancelGraceMs)), cancelGraceMs));
    };
    if (claim.canceled.aborted) giveGrace();
    else claim.canceled.addEventListener('abort', giveGrace);
    if (timeLimitMs === null) return;
    timers.push(
      setTimeout(() => {
        claim.abort('hard-limit');
        reject(timedOut(claim, timeLimitMs));
      }, timeLimitMs),
    );
  });
  try {
    const answer = handler(stepRun(claim, environment));
    answer.catch(() => undefined);
    return await Promise.race([answer, overdue]);
  } catch (error) {
    if (claim.cause === 'soft-limit' && softTimeLimitMs !== null && error === claim.signal.reason) {
      throw timedOut(claim, softTimeLimitMs);
    }
    throw error;
  } finally {
    ended = true;
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Neither passing nor lasting: tried again exactly where the step has a retry policy of its own. */
function timedOut(claim: ActiveClaim, limitMs: number): Error {
  const error = new ReeveError(
    'TASK_TIMED_OUT',
    `step ${claim.step.position + 1} "${claim.step.description}" did not end within ${formatMs(limitMs)}`,
  );
  return Object.defineProperty(error, 'retryable', { value: undefined });
}

function ignoredCancel(claim: ActiveClaim, graceMs: number): Error {
  return new ReeveError(
    'EXECUTION_CANCELED',
    `step ${claim.step.position + 1} "${claim.step.description}" did not end within ${formatMs(graceMs)} after the cancel; what its code still does outside is unknown`,
  );
}

function stepRun(claim: ActiveClaim, environment: RunEnvironment): StepRun {
  const { step } = claim;
  const { resources, logger, connection, children } = environment;
  const subject = `step ${step.position + 1} "${step.description}"`;
  const args = resolveReferences(step.args, (position) => step.results[String(position)], subject);
  const context = taskContext(claim, environment);
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
    ...transactionalCompletion(step, environment),
    child: () => ofLedger(() => children.start(connection, step, args)),
    async decide() {
      const stored = await ofLedger(() => findStoredPlan(connection, step.executionId));
      const predicate = stored === undefined ? undefined : await findPredicate(step, stored, environment);
      if (predicate === undefined) return otherBuild();
      const resource = context.resource === null ? null : await loadResource();
      return predicate(resource as never, context);
    },
    async expand() {
      const stored = await ofLedger(() => findStoredPlan(connection, step.executionId));
      const resource = context.resource === null ? null : await loadResource();
      const run = { step, context, resource };
      return (stored && (await expandStep(connection, stored, run, environment))) ?? otherBuild();
    },
    observer: new Observer(connection, resources, { ...step, task: step.task }),
    startAll: (task, inputs) => environment.startAll(task.name, inputs, step.context),
    loadBackend(resource) {
      return this.backendOf(step.resourceType ?? '', resource);
    },
    backendOf(type, resource) {
      const { definition } = resources.get(type);
      if (definition.backend === undefined) {
        throw new ReeveError('PLAN_INVALID', `${subject} calls a backend, but resource "${type}" declares none`);
      }
      return definition.backend(resource, {
        signal: claim.signal,
        logger,
        idempotencyKey: context.idempotencyKey,
        fence: step.fence,
      });
    },
  };
}

/** A database that goes away under a question of the engine's own is a passing failure, whatever the step's policy is. */
async function ofLedger<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!isConnectionError(error) && !isConflictError(error)) throw error;
    const message = `PostgreSQL does not answer: ${storeError(error).message}`;
    throw new ReeveError('LEDGER_UNAVAILABLE', message, { cause: error, retryable: true });
  }
}

async function findPredicate(
  { executionId, position, expandedBy }: ClaimedStep,
  stored: StoredPlan,
  { connection, functions }: RunEnvironment,
): Promise<GatePredicate | undefined> {
  if (expandedBy === null) return functions.predicate(stored, position);
  const expansion = await findExpansion(connection, executionId, expandedBy);
  if (expansion === undefined || expansion.base === null) return undefined;
  return functions.predicate(stored, position, { position: expandedBy, base: expansion.base, data: expansion.data });
}

function taskContext(claim: ActiveClaim, environment: RunEnvironment): TaskContext {
  const { step } = claim;
  const resource =
    step.resourceType === null || step.resourceId === null ? null : { type: step.resourceType, id: step.resourceId };
  return {
    signal: claim.signal,
    logger: environment.logger,
    executionId: step.executionId,
    position: step.position,
    attempt: step.attempt,
    idempotencyKey: `${step.executionId}:${step.position}`,
    fence: step.fence,
    context: step.context,
    resource,
    async progress(percent, note = '') {
      const bounded = Math.min(100, Math.max(0, Number.isFinite(percent) ? percent : 0));
      await setProgress(environment.connection, step, { percent: bounded, note: storableText(note, 1_000) });
    },
  };
}
