import type { ObjectLiteral } from 'typeorm';
import { ReeveError } from './core/errors.ts';
import { didYouMean } from './core/nearest-name.ts';
import type { ExecutionOutcome } from './executions/await-execution.ts';
import type { Scheduled } from './executions/schedule-execution.ts';
import type { ExecuteOptions } from './executors/execute-options.ts';
import type { ExecuteRequest } from './executors/execution-scheduler.ts';
import type { ExecutorDefinition, ExecutorKind } from './executors/executor-definition.ts';
import { taskExecutor, type Chain } from './executors/task-executor.ts';
import type { Signature, TaskDefinition } from './tasks/define-task.ts';
import type { ResolvedOptions } from './reeve-options.ts';

type UpdateOptions<R> = ExecuteOptions & {
  /** The fields that changed; an empty list is allowed. */
  readonly changed: readonly (keyof R & string)[];
};

type OptionsOf<R, Kind> = Kind extends 'update'
  ? Omit<UpdateOptions<R>, 'force'>
  : Omit<ExecuteOptions, Kind extends 'delete' ? 'changed' : 'changed' | 'force'>;

type InputRest<Input, Options> =
  Partial<Options> extends Options
    ? undefined extends Input
      ? [input?: Input | Record<string, never>, options?: Options]
      : object extends Input
        ? [input?: Input, options?: Options]
        : [input: Input, options?: Options]
    : [input: undefined extends Input ? Input | Record<string, never> : Input, options: Options];

/** Starts operations; the same words in a transaction of the caller's and in one of their own. */
export interface Execute {
  /** On a resource: the object, or its id. */
  execute<R extends ObjectLiteral, Input, Kind extends ExecutorKind>(
    executor: ExecutorDefinition<R, Input, Kind>,
    resource: NoInfer<R> | string,
    ...rest: InputRest<Input, OptionsOf<R, Kind>>
  ): Promise<Scheduled>;
  /** An executor without a resource. */
  execute<Input>(
    executor: ExecutorDefinition<null, Input, 'plain'>,
    ...rest: InputRest<Input, Omit<ExecuteOptions, 'changed'>>
  ): Promise<Scheduled>;
  /** A bare task or background task, as an execution of one step. */
  execute<Input, Result>(
    task: TaskDefinition<Input, Result>,
    ...rest: InputRest<Input, Omit<ExecuteOptions, 'changed'>>
  ): Promise<Scheduled>;
  /** A signature or a chain of them. */
  execute(target: Signature | Chain, options?: Omit<ExecuteOptions, 'changed'>): Promise<Scheduled>;
}

/**
 * In a transaction of the caller's: many operations of one kind at once, all or none of them. Each is the list of what
 * `execute` takes behind its executor; the answers are in the same order.
 *
 * Operations without a resource cost a statement for thousands of steps. With a resource each is checked, and may be
 * refused, by itself. The first refusal is thrown with its place in the list (`details.index`), and nothing is left of
 * the others.
 */
export interface ExecuteIn extends Execute {
  /** On resources: the objects, or their ids. */
  executeMany<R extends ObjectLiteral, Input, Kind extends ExecutorKind>(
    executor: ExecutorDefinition<R, Input, Kind>,
    requests: readonly (readonly [
      resource: NoInfer<R> | string,
      ...rest: InputRest<NoInfer<Input>, OptionsOf<NoInfer<R>, Kind>>,
    ])[],
  ): Promise<Scheduled[]>;
  /** Of an executor without a resource. */
  executeMany<Input>(
    executor: ExecutorDefinition<null, Input, 'plain'>,
    requests: readonly Readonly<InputRest<NoInfer<Input>, Omit<ExecuteOptions, 'changed'>>>[],
  ): Promise<Scheduled[]>;
  /** Bare tasks. */
  executeMany<Input, Result>(
    task: TaskDefinition<Input, Result>,
    requests: readonly Readonly<InputRest<NoInfer<Input>, Omit<ExecuteOptions, 'changed'>>>[],
  ): Promise<Scheduled[]>;
}

/**
 * Starts an operation and runs it in this process until it has ended, one step after another, without a worker: for
 * scripts. It is the same engine with the same rows; only nothing runs side by side, and delays are waited out.
 *
 * It throws what `execute` throws, and RESULT_TIMEOUT after an hour; a failure of the operation is an answer.
 */
export interface ExecuteInline {
  /** On a resource: the object, or its id. */
  executeInline<R extends ObjectLiteral, Input, Kind extends ExecutorKind>(
    executor: ExecutorDefinition<R, Input, Kind>,
    resource: NoInfer<R> | string,
    ...rest: InputRest<Input, OptionsOf<R, Kind>>
  ): Promise<ExecutionOutcome>;
  /** An executor without a resource. */
  executeInline<Input>(
    executor: ExecutorDefinition<null, Input, 'plain'>,
    ...rest: InputRest<Input, Omit<ExecuteOptions, 'changed'>>
  ): Promise<ExecutionOutcome>;
  /** A bare task or background task, as an execution of one step. */
  executeInline<Input, Result>(
    task: TaskDefinition<Input, Result>,
    ...rest: InputRest<Input, Omit<ExecuteOptions, 'changed'>>
  ): Promise<ExecutionOutcome>;
  /** A signature or a chain of them. */
  executeInline(target: Signature | Chain, options?: Omit<ExecuteOptions, 'changed'>): Promise<ExecutionOutcome>;
}

type Target = ExecutorDefinition | TaskDefinition<never> | Signature | Chain;

/**
 * What a call of `execute` asks for.
 *
 * @throws EXECUTOR_UNKNOWN or TASK_UNKNOWN for what is not registered with this Reeve.
 */
export function executeRequest(target: unknown, rest: readonly unknown[], options: ResolvedOptions): ExecuteRequest {
  const known = target as Target | null;
  if (known === null || typeof known !== 'object') throw notExecutable(target);
  if ('signatures' in known) return chainRequest(known, rest, options);
  if ('task' in known) return chainRequest({ signatures: [known] }, rest, options);
  if ('handler' in known) return taskRequest(known, rest, options);
  if (!('plan' in known)) throw notExecutable(target);
  if (!options.executors.includes(known)) {
    const names = options.executors.map((executor) => executor.name);
    const registered = names.includes(known.name) ? '; another one of that name is' : didYouMean(known.name, names);
    throw new ReeveError('EXECUTOR_UNKNOWN', `executor "${known.name}" is not registered with this Reeve${registered}`);
  }
  const [resource, input, executeOptions] = known.resource === undefined ? [undefined, ...rest] : rest;
  return { executor: known, resource, input, options: asOptions(executeOptions) };
}

function taskRequest(task: TaskDefinition<never>, rest: readonly unknown[], options: ResolvedOptions): ExecuteRequest {
  requireTask(task, options);
  const [input, executeOptions] = rest;
  const request = { executor: anyExecutor(task), resource: undefined, input, options: asOptions(executeOptions) };
  if (task.key === undefined) return request;
  return { ...request, uniqueKey: task.key as (input: unknown) => string, whenBusy: task.whenBusy };
}

function chainRequest(chain: Chain, rest: readonly unknown[], options: ResolvedOptions): ExecuteRequest {
  for (const { task } of chain.signatures) {
    requireTask(task, options);
    if (task.key === undefined) continue;
    throw new ReeveError('PLAN_INVALID', `background task "${task.name}" runs alone; it cannot be part of a chain`);
  }
  return { executor: anyExecutor(chain), resource: undefined, input: null, options: asOptions(rest[0]) };
}

function anyExecutor(target: TaskDefinition<never> | Chain): ExecutorDefinition {
  return taskExecutor(target) as unknown as ExecutorDefinition;
}

function requireTask(task: TaskDefinition<never>, options: ResolvedOptions): void {
  if (options.tasks.includes(task)) return;
  const hint = didYouMean(
    task.name,
    options.tasks.map((known) => known.name),
  );
  throw new ReeveError(
    'TASK_UNKNOWN',
    `task "${task.name}" is not registered with this Reeve; add it to "tasks"${hint}`,
  );
}

function asOptions(options: unknown): ExecuteOptions {
  return options !== null && typeof options === 'object' ? options : {};
}

function notExecutable(target: unknown): ReeveError {
  return new ReeveError(
    'EXECUTOR_UNKNOWN',
    `execute was given ${typeof target}; pass an executor, a task, a signature or a chain`,
  );
}
