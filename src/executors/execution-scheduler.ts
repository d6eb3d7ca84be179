import type { EntityManager, ObjectLiteral } from 'typeorm';
import { ReeveError, problemsError } from '../core/errors.ts';
import { hashJson, newId } from '../core/ids.ts';
import { toJson, type JsonLimits, type JsonValue } from '../core/json.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { managerConnection } from '../executions/manager-connection.ts';
import type { ResourceRef, ResourceWrites } from '../executions/resource-writes.ts';
import { scheduleExecution, type Scheduled } from '../executions/schedule-execution.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import { sqlState } from '../executions/sql-state.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import { validateInput } from '../tasks/standard-schema.ts';
import { buildPlan } from './build-plan.ts';
import type { ExecuteOptions, ResolvedExecuteOptions } from './execute-options.ts';
import { parseExecuteOptions } from './execute-options.ts';
import type { ExecutorDefinition } from './executor-definition.ts';
import { startingResources } from './starting-resources.ts';
import type { TaskRegistry } from './task-registry.ts';

export interface ExecuteRequest {
  readonly executor: ExecutorDefinition;
  /** The object or its id; undefined for an executor without a resource. */
  readonly resource: unknown;
  readonly input: unknown;
  readonly options: ExecuteOptions;
  /** Set for background tasks: from the checked input to the key that is alive once. */
  readonly uniqueKey?: (input: unknown) => string;
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

  /** Nothing is written before every check has passed; see {@link scheduleExecution} for what is refused after. */
  async schedule(manager: EntityManager, request: ExecuteRequest): Promise<Scheduled> {
    const connection = managerConnection(manager, this.#options.schema);
    const { executor } = request;
    const subject = `execute("${executor.name}")`;
    const options = parseExecuteOptions(request.options, subject);
    const checked = await validateInput(executor.inputSchema, request.input, `executor "${executor.name}"`);
    const input = this.#json(executor.storesRawInput ? request.input : checked, `The input of "${executor.name}"`);
    const ref = this.#ref(executor, request.resource);
    const changed = changedFields(executor, options, ref);
    const resource = ref === undefined ? undefined : await this.#load(executor, ref, manager);
    const facts = this.#json(executor.facts?.(resource ?? {}, checked), `The facts of "${executor.name}"`);
    const heavy = options.weight === 'heavy';
    const plan = buildPlan(executor, { input, facts, changed, heavy, limits: this.#options.limits });
    await this.#checkSteps(executor, plan.steps);
    const owned = startingResources(executor, this.#resources, {
      resource: resource ?? {},
      ref,
      input: checked,
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
        exclusive: owned.length > 0,
        input,
        facts: { facts, changed: [...changed] },
        uniqueKey: request.uniqueKey === undefined ? null : `${executor.name}:${request.uniqueKey(checked)}`,
        idempotencyKey: options.idempotencyKey,
        idempotencyMs: options.idempotencyMs,
        requestHash: requestHash(executor, ref, input, changed),
        weight: options.weight,
        priority: options.priority ?? executor.priority,
        context: options.context,
      },
      resources: owned,
      steps: plan.steps,
      countdownMs: options.countdownMs,
      lockTimeoutMs: this.#options.lockTimeoutMs,
      before: async () => {
        await executor.before?.({ manager, resource: resource ?? {}, input: checked });
      },
    });
  }

  #json(value: unknown, subject: string): JsonValue {
    return toJson(value, subject, this.#options.limits);
  }

  #ref(executor: ExecutorDefinition, resource: unknown): ResourceRef | undefined {
    return executor.resource === undefined ? undefined : this.#resources.ref(executor.resource, resource);
  }

  /** The row as the caller's transaction sees it, where something of the executor wants to see it. */
  async #load(executor: ExecutorDefinition, ref: ResourceRef, manager: EntityManager): Promise<ObjectLiteral> {
    const { facts, before, involves, actionDetails } = executor;
    if ([facts, before, involves, actionDetails].every((hook) => hook === undefined)) return {};
    const found = await this.#resources.load(ref, manager).catch((error: unknown) => {
      if (sqlState(error) === '22P02') return undefined;
      throw error;
    });
    if (found !== undefined) return found;
    throw new ReeveError(
      'RESOURCE_NOT_FOUND',
      `${ref.type} ${ref.id} does not exist, so "${executor.name}" cannot start`,
      {
        details: { resourceType: ref.type, resourceId: ref.id },
      },
    );
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
  input: JsonValue,
  changed: readonly string[],
): string {
  return hashJson({ executor: executor.name, resource: ref === undefined ? null : { ...ref }, input, changed });
}
