import { problemsError } from '../core/errors.ts';
import { isolationKinds, type IsolationKind } from '../core/isolation.ts';
import { nameProblems, unknownOptions } from '../core/options.ts';
import type { QueueName } from '../core/queue-names.ts';
import type { StepPolicy } from '../executions/step-plan.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import { schemaProblems, validateInput, type InputOf, type OutputOf, type Schema } from './standard-schema.ts';
import type { StepHandler } from './step-handler.ts';
import { parseLimits, type LimitOptions } from './step-limits.ts';
import type { TaskContext } from './task-context.ts';

export interface CommonTaskOptions extends LimitOptions {
  /** Default `tasks`, and `background` for background tasks. */
  readonly queue?: QueueName;
  /** What people read in logs and lists. Default: the name. */
  readonly description?: string;
  /**
   * Where its code runs: in a thread or a process of its own, which dies at `timeLimit` even in `while (true)`, or, with
   * `none`, in the worker. Default: what its queue says.
   */
  readonly isolation?: IsolationKind | 'none';
}

export interface TaskOptions<S extends Schema | undefined, Result> extends CommonTaskOptions {
  /** Unique among tasks; stored in the ledger, so renaming it strands the steps that are under way. */
  readonly name: string;
  /** Checked when the task is scheduled and again when it runs, because an earlier step may give part of it. */
  readonly input?: S;
  /** May run more than once for one step: after a crash, after a failed attempt. Its result must survive JSON. */
  readonly run: (input: OutputOf<S>, context: TaskContext) => Promise<Result> | Result;
}

export type WhenBusy = 'skip' | 'runOnceMore';

/** A unit of work that steps refer to by name. Made by {@link defineTask}. */
export interface TaskDefinition<Input = unknown, Result = unknown> {
  readonly name: string;
  readonly queue: QueueName;
  readonly description: string;
  readonly policy: StepPolicy;
  readonly inputSchema: Schema | undefined;
  /** Set for a background task: the key while whose execution is alive a second one is refused. */
  readonly key: ((input: never) => string) | undefined;
  /** What a background task does when it is asked for while one with its key is alive. */
  readonly whenBusy: WhenBusy;
  readonly handler: StepHandler;
  /** Undefined: as its queue. */
  readonly isolation?: IsolationKind | 'none';
  /** Its work and the completion of its step are one transaction, so it runs in the worker. */
  readonly transactional?: true;
  /** The resource that a pull task observes. */
  readonly resource?: ResourceDefinition;
  /** Tasks that it starts, which must be registered as well. */
  readonly starts?: readonly TaskDefinition<never>[];
  /** Only for inference: what callers pass, and what the next step gets. */
  readonly '~types'?: { readonly input: (input: Input) => void; readonly result: Result };
}

const knownOptions = [
  'name',
  'input',
  'queue',
  'description',
  'run',
  'retry',
  'softTimeLimit',
  'timeLimit',
  'interruptible',
  'isolation',
];

/**
 * Declares a task. It runs as a step of an executor's plan, or alone: `reeve.execute(task, input)`.
 *
 * @throws CONFIGURATION_INVALID with all problems: name, options, schema, limits.
 */
export function defineTask<Result, const S extends Schema | undefined = undefined>(
  options: TaskOptions<S, Result>,
): TaskDefinition<InputOf<S>, Awaited<Result>> {
  return taskDefinition(options, { queue: 'tasks', key: undefined, whenBusy: 'skip', known: knownOptions });
}

export interface BackgroundTaskOptions<S extends Schema | undefined, Result> extends TaskOptions<S, Result> {
  /** While an execution with the same key is alive, a second one is refused with the id of the first. */
  readonly key: (input: OutputOf<S>) => string;
  /**
   * What becomes of a request while one with the same key is alive. `skip`, the default: refused, and that is all.
   * `runOnceMore`: refused, and remembered: when the live one has ended, however it ends, the task runs exactly once
   * more, with the input, context, weight and priority of the last request; a `countdown` is not remembered.
   */
  readonly whenBusy?: WhenBusy;
}

/**
 * Declares a background task: on queue `background` unless told otherwise, and never twice at once for one key. The key
 * is compulsory, because a background task without one piles up behind itself as soon as it is slower than its schedule.
 *
 * @throws CONFIGURATION_INVALID with all problems.
 */
export function defineBackgroundTask<Result, const S extends Schema | undefined = undefined>(
  options: BackgroundTaskOptions<S, Result>,
): TaskDefinition<InputOf<S>, Awaited<Result>> {
  const { key, whenBusy = 'skip' } = options;
  const problems = [
    ...(typeof key === 'function'
      ? []
      : [`task "${options.name}" has no "key"; give a function from its input to a text`]),
    ...(whenBusy === 'skip' || whenBusy === 'runOnceMore'
      ? []
      : [`task "${options.name}" has whenBusy ${JSON.stringify(whenBusy)}; use "skip" or "runOnceMore"`]),
  ];
  if (problems.length > 0)
    throw problemsError('CONFIGURATION_INVALID', 'A background task is defined wrongly', problems);
  return taskDefinition(options, { queue: 'background', key, whenBusy, known: [...knownOptions, 'key', 'whenBusy'] });
}

/** What all kinds of tasks have in common. */
export function taskDefinition<Result, S extends Schema | undefined>(
  options: TaskOptions<S, Result>,
  kind: {
    readonly queue: QueueName;
    readonly key: ((input: OutputOf<S>) => string) | undefined;
    readonly whenBusy: WhenBusy;
    readonly known: readonly string[];
    /** Instead of one that calls `run`. */
    readonly handler?: StepHandler;
  },
): TaskDefinition<InputOf<S>, Awaited<Result>> {
  const subject = `task "${options.name}"`;
  const problems = [
    ...nameProblems(options.name, subject),
    ...unknownOptions(options, kind.known, subject),
    ...schemaProblems(options.input, subject),
    ...(typeof options.run === 'function' ? [] : [`${subject} has no "run" function`]),
    ...isolationProblems(options.isolation, subject, ['none']),
    ...(options.name?.startsWith('reeve.') ? [`${subject}: names that begin with "reeve." are Reeve's own`] : []),
  ];
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'A task is defined wrongly', problems);
  return Object.freeze({
    name: options.name,
    queue: options.queue ?? kind.queue,
    description: options.description ?? options.name,
    policy: parseLimits(options, subject),
    inputSchema: options.input,
    key: kind.key as ((input: never) => string) | undefined,
    whenBusy: kind.whenBusy,
    ...(options.isolation === undefined ? {} : { isolation: options.isolation }),
    handler:
      kind.handler ??
      (async ({ args, context }) => {
        const input = await validateInput(options.input, args, subject);
        return { kind: 'succeeded', result: await options.run(input as OutputOf<S>, context) };
      }),
  } satisfies TaskDefinition);
}

/** @param others - What may be said beside the kinds. */
export function isolationProblems(value: unknown, subject: string, others: readonly string[] = []): string[] {
  const allowed = [...isolationKinds, ...others];
  if (value === undefined || allowed.includes(value as string)) return [];
  const list = allowed.map((kind) => `"${kind}"`).join(', ');
  return [`${subject} has isolation ${JSON.stringify(value)}; use one of ${list}`];
}

/** A task with its arguments, not yet run. */
export interface Signature<Result = unknown> {
  readonly task: TaskDefinition<never, Result>;
  /** A value, or a mapping that picks it from the result of the task before. */
  readonly input: unknown;
}

/**
 * Binds a task to its input, or, inside a chain, to a mapping that picks it from the result of the task before.
 * `execute` runs it alone, `chain` one after another.
 */
export function signature<Input, Result>(
  task: TaskDefinition<Input, Result>,
  input: Input | ((previous: never) => Input),
): Signature<Result> {
  return { task, input: input ?? null };
}
