import type { EntityManager, ObjectLiteral } from 'typeorm';
import { ReeveError, problemsError } from '../core/errors.ts';
import { hashJson, newId } from '../core/ids.ts';
import { toJson, type JsonLimits, type JsonValue } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { WhenBusy } from '../tasks/define-task.ts';
import { behindSavepoint, inTurn, type SavepointScope } from '../executions/behind-savepoint.ts';
import type { Connection } from '../executions/connection.ts';
import { managerConnection } from '../executions/manager-connection.ts';
import type { ResourceRef, ResourceWrites } from '../executions/resource-writes.ts';
import { findKnownRequest, scheduleExecution, type Scheduled } from '../executions/schedule-execution.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import type { ParentStep } from '../executions/sql/insert-execution.ts';
import { expireIdempotencyKey } from '../executions/sql/expire-idempotency-key.ts';
import { isImpossibleValue } from '../executions/sql-state.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import { validateInput } from '../tasks/standard-schema.ts';
import { BackgroundRequest, keyOf, type TaskDraft } from './background-request.ts';
import { buildPlan } from './build-plan.ts';
import type { ExecuteOptions, ResolvedExecuteOptions } from './execute-options.ts';
import { parseExecuteOptions } from './execute-options.ts';
import type { ExecutorDefinition } from './executor-definition.ts';
import { checkLevels } from './check-levels.ts';
import { readsResource, withScopeKeys } from './scope-keys.ts';
import { resourceRules, startingResources } from './starting-resources.ts';
import type { TaskRegistry } from './task-registry.ts';

export interface ExecuteRequest {
  readonly executor: ExecutorDefinition;
  /** The object or its id; undefined for an executor without a resource. */
  readonly resource: unknown;
  readonly input: unknown;
  readonly options: ExecuteOptions;
  /** Set for a child: the step that starts it. */
  readonly parent?: ParentStep;
  /** Set for background tasks: from the checked input to the key that is alive once. */
  readonly uniqueKey?: (input: unknown) => string;
  readonly whenBusy?: WhenBusy;
}

export interface SchedulerOptions {
  readonly schema: string;
  readonly limits: JsonLimits;
  readonly lockTimeoutMs: number;
  readonly queues: readonly string[];
}

/** Turns a request into ledger rows, in the caller's transaction: check everything, build the plan, write. */
export class ExecutionScheduler {
  readonly #resources: ResourceRegistry;
  readonly #writes: ResourceWrites;
  readonly #tasks: TaskRegistry;
  readonly #options: SchedulerOptions;

  constructor(resources: ResourceRegistry, writes: ResourceWrites, tasks: TaskRegistry, options: SchedulerOptions) {
    this.#resources = resources;
    this.#writes = writes;
    this.#tasks = tasks;
    this.#options = options;
  }

  /**
   * Nothing is written before every check has passed; see {@link scheduleExecution} for what is refused after. All of it
   * stands behind a savepoint of the caller's transaction.
   */
  async schedule(manager: EntityManager, request: ExecuteRequest): Promise<Scheduled> {
    const connection = managerConnection(manager, this.#options.schema);
    const guarded = (): Promise<Scheduled> =>
      behindSavepoint(connection, this.#options.lockTimeoutMs, (scope) =>
        this.#scheduleGuarded({ connection, manager, scope }, request),
      );
    const background = await this.background(request);
    if (background === undefined) return guarded();
    return inTurn(connection, () => background.schedule(connection, this.#options.lockTimeoutMs, guarded));
  }

  /** What is known of a background task before anything is written; undefined for everything else. */
  async background(request: ExecuteRequest): Promise<BackgroundRequest | undefined> {
    return request.uniqueKey === undefined ? undefined : this.taskRequest(request);
  }

  /**
   * The same for whatever owns nothing and runs nothing of the caller's at its start: a task, a chain, an executor without
   * resource, hook and rules. Without a key nothing in the ledger can refuse it.
   */
  async bare(request: ExecuteRequest): Promise<BackgroundRequest | undefined> {
    const { resource, facts, before, involves, onSuccess, onFailure } = request.executor;
    const hooks = [resource, facts, before, involves, onSuccess, onFailure];
    if (hooks.some((hook) => hook !== undefined)) return undefined;
    return this.taskRequest(request);
  }

  /** What is known of a request for what owns nothing. */
  async taskRequest(request: ExecuteRequest): Promise<BackgroundRequest> {
    const { executor, uniqueKey } = request;
    const options = parseExecuteOptions(request.options, `execute("${executor.name}")`);
    const checked = await validateInput(executor.inputSchema, request.input, `executor "${executor.name}"`);
    return new BackgroundRequest({
      request,
      options,
      uniqueKey: uniqueKey === undefined ? null : keyOf(executor.name, uniqueKey(checked)),
      kind: executionKind(executor, request),
      input: this.#json(executor.storesRawInput ? request.input : checked, `The input of "${executor.name}"`),
      draft: (input) => this.#draft(request, options, input),
    });
  }

  async #draft(request: ExecuteRequest, options: ResolvedExecuteOptions, input: JsonValue): Promise<TaskDraft> {
    const { executor } = request;
    const heavy = options.weight === 'heavy';
    const plan = buildPlan(executor, { input, facts: null, changed: [], heavy, limits: this.#options.limits });
    await this.#checkSteps(executor, plan.steps);
    const planned = executor.storesRawInput ? plan.hash : null;
    const requestHashed = requestHash(executor, undefined, { input, changed: [], plan: planned });
    const steps = withScopeKeys(plan.steps, plan.throttles, {});
    return { steps, planHash: plan.hash, requestHash: requestHashed };
  }

  /**
   * The same for an executor without a resource, in a transaction that is not TypeORM's.
   *
   * @throws TRANSACTION_REQUIRED for an executor that reads a resource or has a hook, which needs an EntityManager.
   */
  async scheduleOn(connection: Connection, request: ExecuteRequest): Promise<Scheduled> {
    const { executor } = request;
    if (executor.resource !== undefined || executor.before !== undefined) {
      throw new ReeveError('TRANSACTION_REQUIRED', `"${executor.name}" can be started only through an EntityManager`);
    }
    return behindSavepoint(connection, this.#options.lockTimeoutMs, (scope) =>
      this.#scheduleGuarded({ connection, manager: undefined, scope }, request),
    );
  }

  async #scheduleGuarded({ connection, manager, scope }: Caller, request: ExecuteRequest): Promise<Scheduled> {
    const { executor } = request;
    const options = parseExecuteOptions(request.options, `execute("${executor.name}")`);
    const checked = await validateInput(executor.inputSchema, request.input, `executor "${executor.name}"`);
    const input = this.#json(executor.storesRawInput ? request.input : checked, `The input of "${executor.name}"`);
    const ref = this.#ref(executor, request.resource);
    const changed = changedFields(executor, options, ref);
    const heavy = options.weight === 'heavy';
    const limits = this.#options.limits;
    const taskPlan = executor.storesRawInput
      ? buildPlan(executor, { input, facts: null, changed, heavy, limits })
      : undefined;
    const hash = requestHash(executor, ref, { input, changed, plan: taskPlan?.hash ?? null });
    const known = await this.#knownRequest(connection, options, hash);
    if (known !== undefined) return known;
    const load = async (): Promise<ObjectLiteral> =>
      ref === undefined || manager === undefined ? {} : this.#load(executor.name, manager, ref);
    const hooked = ref !== undefined && needsResource(executor, options);
    let resource = hooked ? await load() : undefined;
    const facts = this.#json(executor.facts?.(resource ?? {}, checked), `The facts of "${executor.name}"`);
    const plan = taskPlan ?? buildPlan(executor, { input, facts, changed, heavy, limits });
    await this.#checkSteps(executor, plan.steps);
    if (readsResource(plan.throttles)) resource ??= await load();
    const steps = withScopeKeys(plan.steps, plan.throttles, resource ?? null);
    if (request.parent?.awaited === true) await checkLevels(connection, request.parent, { executor, steps });
    const owned = startingResources(executor, this.#resources, {
      resource: resource ?? {},
      ref,
      input: checked,
      force: options.force,
    });
    return scheduleExecution(connection, this.#writes, {
      execution: {
        id: newId(),
        executor: executor.name,
        executorVersion: executor.version,
        kind: executionKind(executor, request),
        planHash: plan.hash,
        resourceType: ref?.type ?? null,
        resourceId: ref?.id ?? null,
        exclusive: owned.some((resourceOf) => resourceOf.main),
        input,
        facts: { facts, changed: [...changed] },
        uniqueKey: request.uniqueKey === undefined ? null : keyOf(executor.name, request.uniqueKey(checked)),
        idempotencyKey: options.idempotencyKey,
        idempotencyMs: options.idempotencyMs,
        requestHash: hash,
        weight: options.weight,
        priority: options.priority ?? executor.priority,
        context: options.context,
        deadlineMs: options.deadlineMs ?? executor.deadlineMs,
        parent: request.parent ?? null,
      },
      resources: owned,
      rules: resourceRules(executor, this.#resources, { resource: resource ?? {}, input: checked }),
      steps: options.force && executor.onForce === 'keepTrying' ? steps.map(keptTrying) : steps,
      countdownMs: options.countdownMs,
      before: async () => {
        const { before } = executor;
        if (before === undefined || manager === undefined) return;
        await scope.asCaller(async () => before({ manager, resource: resource ?? {}, input: checked }));
      },
    });
  }

  /** A repeated request is answered before anything else is looked at: its resource may be gone by now. */
  async #knownRequest(
    connection: Connection,
    options: ResolvedExecuteOptions,
    requestHashed: string,
  ): Promise<Scheduled | undefined> {
    const { idempotencyKey } = options;
    if (idempotencyKey === null) return undefined;
    await expireIdempotencyKey(connection, idempotencyKey);
    return findKnownRequest(connection, { idempotencyKey, requestHash: requestHashed });
  }

  #json(value: unknown, subject: string): JsonValue {
    return toJson(value, subject, this.#options.limits);
  }

  #ref(executor: ExecutorDefinition, resource: unknown): ResourceRef | undefined {
    return executor.resource === undefined ? undefined : this.#resources.ref(executor.resource, resource);
  }

  /** The row as the caller's transaction sees it. */
  async #load(name: string, manager: EntityManager, ref: ResourceRef): Promise<ObjectLiteral> {
    const found = await this.#resources.load(ref, manager).catch((error: unknown) => {
      if (isImpossibleValue(error)) return undefined;
      throw error;
    });
    if (found !== undefined) return found;
    throw new ReeveError('RESOURCE_NOT_FOUND', `${ref.type} ${ref.id} does not exist, so "${name}" cannot start`, {
      details: { resourceType: ref.type, resourceId: ref.id },
    });
  }

  /** Queues and tasks must be known, and input that is already complete must fit its task. */
  async #checkSteps(executor: ExecutorDefinition, steps: readonly StepDraft[]): Promise<void> {
    const problems: string[] = [];
    for (const step of steps) {
      if (!this.#options.queues.includes(step.queue)) {
        const hint = didYouMean(step.queue, this.#options.queues);
        throw new ReeveError(
          'QUEUE_UNKNOWN',
          `step ${step.position + 1} "${step.description}" of "${executor.name}" names the queue "${step.queue}", which is not configured${hint}`,
        );
      }
      this.#tasks.handler(step.task);
      const task = this.#tasks.find(step.task);
      if (task === undefined || step.needsResults.length > 0) continue;
      await validateInput(task.inputSchema, step.args, `task "${task.name}"`).catch((error: unknown) => {
        problems.push(`step ${step.position + 1}: ${Error.isError(error) ? error.message : String(error)}`);
      });
    }
    if (problems.length > 0)
      throw problemsError('INPUT_INVALID', `The plan of "${executor.name}" does not fit`, problems);
  }
}

/** Whether something of the executor wants to see the row. */
function needsResource(executor: ExecutorDefinition, options: ResolvedExecuteOptions): boolean {
  const { facts, before, involves, actionDetails, onSuccess, onFailure } = executor;
  const isForced = executor.kind === 'delete' && options.force;
  return isForced || [facts, before, involves, actionDetails, onSuccess, onFailure].some((hook) => hook !== undefined);
}

/** For a forced deletion that keeps trying: any error, for as long as it takes, at least once an hour. */
function keptTrying(step: StepDraft): StepDraft {
  const retry = { ...step.policy.retry, attempts: 1_000_000, maxDelayMs: 3_600_000, retries: 'always' as const };
  return { ...step, policy: { ...step.policy, retry } };
}

function changedFields(
  executor: ExecutorDefinition,
  options: ResolvedExecuteOptions,
  ref: ResourceRef | undefined,
): readonly string[] {
  if (executor.kind !== 'update') return [];
  if (options.changed !== undefined && Array.isArray(options.changed)) return options.changed.map(String);
  throw new ReeveError(
    'CHANGED_FIELDS_REQUIRED',
    `"${executor.name}" on ${ref?.type} ${ref?.id} needs to know what changed; pass { changed: ["name", …] }`,
  );
}

function executionKind(
  executor: ExecutorDefinition,
  request: ExecuteRequest,
): ExecutorDefinition['kind'] | 'task' | 'background' {
  if (request.uniqueKey !== undefined) return 'background';
  return executor.storesRawInput ? 'task' : executor.kind;
}

function requestHash(
  executor: ExecutorDefinition,
  ref: ResourceRef | undefined,
  request: { readonly input: JsonValue; readonly changed: readonly string[]; readonly plan: string | null },
): string {
  return hashJson({ executor: executor.name, resource: ref === undefined ? null : { ...ref }, ...request });
}

interface Caller {
  readonly connection: Connection;
  /** Absent only where neither a resource nor a hook needs it. */
  readonly manager: EntityManager | undefined;
  readonly scope: SavepointScope;
}
