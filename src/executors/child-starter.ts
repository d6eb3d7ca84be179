import type { DataSource } from 'typeorm';
import type { JsonValue } from '../core/json.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { Connection } from '../executions/connection.ts';
import { findExecution, listSteps } from '../executions/read-executions.ts';
import type { ChildState } from '../tasks/step-handler.ts';
import type { ExecuteOptions } from './execute-options.ts';
import type { ExecutionScheduler } from './execution-scheduler.ts';
import type { ExecutorDefinition } from './executor-definition.ts';

/** What a child step has in its arguments. */
interface ChildArgs {
  readonly executor: string;
  readonly resource: string | null;
  readonly input: JsonValue;
  readonly options: Pick<ExecuteOptions, 'changed' | 'force'>;
  readonly awaited: boolean;
}

/** Starts the children of executions: once for each step, however often the step is run. */
export class ChildStarter {
  readonly #executors: ReadonlyMap<string, ExecutorDefinition>;
  readonly #scheduler: ExecutionScheduler;
  readonly #dataSource: DataSource;
  readonly #retry: (executionId: string) => Promise<void>;

  /** @param retry - Lets a failed child go on where it failed. */
  constructor(
    executors: readonly ExecutorDefinition[],
    scheduler: ExecutionScheduler,
    dataSource: DataSource,
    retry: (executionId: string) => Promise<void>,
  ) {
    this.#retry = retry;
    this.#executors = new Map(executors.map((executor) => [executor.name, executor]));
    this.#scheduler = scheduler;
    this.#dataSource = dataSource;
  }

  /** Undefined where this build does not know the executor of the child. */
  async start(connection: Connection, step: ClaimedStep, args: JsonValue): Promise<ChildState | undefined> {
    const wanted = args as unknown as ChildArgs;
    const executor = this.#executors.get(wanted.executor);
    if (executor === undefined) return undefined;
    const { executionId, created } = await this.#dataSource.transaction((manager) =>
      this.#scheduler.schedule(manager, {
        executor,
        resource: wanted.resource,
        input: wanted.input,
        options: {
          ...wanted.options,
          idempotencyKey: `child:${step.executionId}:${step.position}`,
          idempotencyFor: '3650d',
          weight: step.queue === 'heavy' ? 'heavy' : 'regular',
          context: step.context as NonNullable<ExecuteOptions['context']>,
        },
        parent: { executionId: step.executionId, position: step.position, awaited: wanted.awaited },
      }),
    );
    if (!wanted.awaited) return { executionId, state: 'succeeded', result: { executionId }, error: null, name: '' };
    const child = await childState(connection, executionId, wanted);
    // A step that has not waited for this child yet and finds it failed is one that an operator has retried.
    const hasWaited = (step.poll as { readonly child?: string } | null)?.child === executionId;
    if (created || hasWaited || (child.state !== 'failed' && child.state !== 'canceled')) return child;
    await this.#retry(executionId);
    return childState(connection, executionId, wanted);
  }
}

async function childState(connection: Connection, executionId: string, wanted: ChildArgs): Promise<ChildState> {
  const execution = await findExecution(connection, executionId);
  const state = execution?.state ?? 'failed';
  const steps = state === 'succeeded' ? await listSteps(connection, executionId) : [];
  const last = steps.findLast((step) => step.kind !== 'join');
  const subject =
    (execution?.resourceType ?? null) === null ? '' : ` on ${execution?.resourceType} ${execution?.resourceId}`;
  return {
    executionId,
    state,
    result: last?.result ?? null,
    error: execution?.error ?? null,
    name: `child "${wanted.executor}"${subject}`,
  };
}
