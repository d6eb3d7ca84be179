import { ReeveError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type { JsonValue } from '../core/json.ts';
import { behindSavepoint } from '../executions/behind-savepoint.ts';
import type { Connection } from '../executions/connection.ts';
import { busyError, type Scheduled } from '../executions/schedule-execution.ts';
import { sqlState } from '../executions/sql-state.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import { findLiveKeys } from '../executions/sql/find-live-keys.ts';
import { forgetRun } from '../executions/sql/forget-run.ts';
import type { NewExecution } from '../executions/sql/insert-execution.ts';
import { rememberRun } from '../executions/sql/remember-run.ts';
import type { WhenBusy } from '../tasks/define-task.ts';
import type { ExecuteOptions, ResolvedExecuteOptions } from './execute-options.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/** The plan of a task, checked. */
export interface TaskDraft {
  readonly steps: readonly StepDraft[];
  readonly planHash: string;
  readonly requestHash: string;
}

/** What is kept of a request that is to run once more. */
export interface RememberedRequest {
  readonly input: JsonValue;
  readonly options: Pick<ExecuteOptions, 'context' | 'weight' | 'priority' | 'deadline'>;
}

interface BackgroundParts {
  readonly request: { readonly executor: ExecutorDefinition; readonly whenBusy?: WhenBusy };
  readonly options: ResolvedExecuteOptions;
  readonly uniqueKey: string | null;
  readonly kind: NewExecution['kind'];
  readonly input: JsonValue;
  readonly draft: (input: JsonValue) => Promise<TaskDraft>;
}

/**
 * A request for a task, or for an executor that owns nothing, whose input and options were found right; its plan is made
 * only when it is needed.
 */
export class BackgroundRequest {
  readonly #parts: BackgroundParts;

  constructor(parts: BackgroundParts) {
    this.#parts = parts;
  }

  /** Empty for a task that is no background task. */
  get uniqueKey(): string {
    return this.#parts.uniqueKey ?? '';
  }

  /** A repeated request must get the execution that it got before, so it is answered in a transaction. */
  get hasIdempotencyKey(): boolean {
    return this.#parts.options.idempotencyKey !== null;
  }

  /** What is remembered where one is alive; null where a refusal is all. */
  get remembered(): JsonValue {
    const { request, options, input } = this.#parts;
    if (request.whenBusy !== 'runOnceMore') return null;
    const { context, weight, priority, deadlineMs } = options;
    const rest = {
      ...(priority === undefined ? {} : { priority }),
      ...(deadlineMs === null ? {} : { deadline: deadlineMs }),
    };
    return { input, options: { context, weight, ...rest } };
  }

  /** The rows that its start needs; runs no statement. */
  async run(): Promise<{
    readonly execution: NewExecution;
    readonly steps: readonly StepDraft[];
    readonly countdownMs: number;
  }> {
    const { request, options, uniqueKey, kind, input } = this.#parts;
    const { executor } = request;
    const { steps, planHash, requestHash } = await this.#parts.draft(input);
    const execution = {
      id: newId(),
      executor: executor.name,
      executorVersion: executor.version,
      kind,
      planHash,
      resourceType: null,
      resourceId: null,
      exclusive: false,
      input,
      facts: { facts: null, changed: [] },
      uniqueKey,
      idempotencyKey: null,
      idempotencyMs: 0,
      requestHash,
      weight: options.weight,
      priority: options.priority ?? executor.priority,
      context: options.context,
      deadlineMs: options.deadlineMs ?? executor.deadlineMs,
      parent: null,
    } as const;
    return { execution, steps, countdownMs: options.countdownMs };
  }

  /**
   * In a transaction of the caller's. A refusal is one statement, which needs no savepoint: it takes no lock and cannot
   * fail. `start` does the rest.
   */
  async schedule(connection: Connection, lockTimeoutMs: number, start: () => Promise<Scheduled>): Promise<Scheduled> {
    const { uniqueKey, remembered, hasIdempotencyKey } = this;
    const live = hasIdempotencyKey ? undefined : (await findLiveKeys(connection, [uniqueKey])).get(uniqueKey);
    const scheduled = live === undefined ? await start() : { executionId: live, created: false };
    if (remembered === null) return scheduled;
    return behindSavepoint(connection, lockTimeoutMs, () => this.#remember(connection, scheduled, remembered));
  }

  async #remember(connection: Connection, scheduled: Scheduled, request: JsonValue): Promise<Scheduled> {
    const { uniqueKey } = this;
    if (scheduled.created) {
      await forgetRun(connection, uniqueKey);
      return scheduled;
    }
    if (
      this.hasIdempotencyKey &&
      (await findLiveKeys(connection, [uniqueKey])).get(uniqueKey) !== scheduled.executionId
    )
      return scheduled;
    try {
      await rememberRun(connection, { uniqueKey, task: this.#parts.request.executor.name, request });
      return { ...scheduled, onceMore: true };
    } catch (error) {
      throw sqlState(error) === '55P03' ? this.busy(error) : error;
    }
  }

  /** BUSY: another open transaction is starting one with the same key. */
  busy(cause: unknown): ReeveError {
    const { executor } = this.#parts.request;
    return busyError({ executor: executor.name, resourceType: null, resourceId: null }, cause);
  }
}

const longestKey = 1_000;

/** An entry of an index of PostgreSQL has room for 2,700. */
const mostBytes = 2_500;

/**
 * The key as the ledger has it: with the name of the task before it.
 *
 * @throws INPUT_INVALID unless it is a text of 1 to 1000 characters that PostgreSQL can store and index.
 */
export function keyOf(task: string, key: unknown): string {
  const wrong = whatIsWrong(task, key);
  if (wrong === undefined) return `${task}:${key as string}`;
  throw new ReeveError(
    'INPUT_INVALID',
    `the "key" of background task "${task}" gave ${wrong}; give a text of 1 to ${longestKey} characters, such as (input) => input.serverId`,
  );
}

function whatIsWrong(task: string, key: unknown): string | undefined {
  if (typeof key !== 'string') return JSON.stringify(key) ?? 'undefined';
  if (!key.isWellFormed() || key.includes('\u0000')) return 'a text with a NUL character or a lone surrogate';
  if (key === '' || key.length > longestKey) return `a text of ${key.length} characters`;
  const bytes = Buffer.byteLength(`${task}:${key}`);
  return bytes > mostBytes ? `a text that is ${bytes} bytes with the task's name, more than ${mostBytes}` : undefined;
}
