import { isReeveError, problemsError, ReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import type { ResourceQuery } from '../resources/observer.ts';
import type { Schema } from './standard-schema.ts';
import { taskDefinition, type CommonTaskOptions, type TaskDefinition } from './define-task.ts';
import type { StepRun } from './step-handler.ts';
import type { TaskContext } from './task-context.ts';

/** What only executions write of a resource. */
type OwnedField = 'id' | 'state' | 'executionId' | 'action' | 'actionDetails' | 'errorMessage' | 'errorTraceback';

/** The fields that an observer may write. */
export type ObservedFields<R> = { readonly [K in Exclude<keyof R, OwnedField>]?: R[K] };

export interface PullTaskOptions<R, B> extends CommonTaskOptions {
  /** Default: the resource's name with `.pull`. */
  readonly name?: string;
  /**
   * Looks at the outside system and returns the fields that it saw; fields that it leaves out stay as they are. It may
   * run again when the row was changed meanwhile. What it throws marks the resource until it succeeds again.
   */
  readonly pull: (resource: R, backend: B, context: TaskContext) => Promise<ObservedFields<R>> | ObservedFields<R>;
}

/** `owned`: an execution has the resource; `changed`: it was changed each time while it was looked at. */
export type PullResult =
  { readonly pulled: true } | { readonly pulled: false; readonly because: 'owned' | 'changed' | 'gone' };

/** A task that observes one resource; its input is the id of the row. */
export interface PullTask<R = unknown> extends TaskDefinition<{ readonly id: string }, PullResult> {
  readonly resource: ResourceDefinition;
  /** Only for inference. */
  readonly '~resource'?: (resource: R) => void;
}

/** How often a pull looks again because the row was changed while it looked. */
const maxLooks = 3;

const idSchema: Schema<{ readonly id: string }> = {
  '~standard': {
    version: 1,
    vendor: 'reeve',
    validate(value) {
      const id = value !== null && typeof value === 'object' && 'id' in value ? value.id : undefined;
      if (typeof id === 'string' && id !== '') return { value: { id } };
      return { issues: [{ message: 'must be the id of the resource as a text', path: ['id'] }] };
    },
  },
};

/**
 * Declares a task that brings what is known of a resource up to date: a background task with the id as its key. It
 * writes observed fields, and a mark where it fails, but never a state: the lifecycle belongs to executions. Each write
 * is made only if the row is, at that moment, in a stable state, owned by nobody and unchanged since it was read.
 *
 * A mark is taken away by the next success of the same task; `reeve.marks()` lists them. An attempt that fails fails its
 * execution as any other would, by the `retry` of the task.
 *
 * @throws CONFIGURATION_INVALID with all problems.
 */
export function definePullTask<R extends object, B, S extends string, T extends string>(
  resource: ResourceDefinition<R, B, S, T>,
  options: PullTaskOptions<R, B>,
): PullTask<R> {
  const definition = resource as unknown as ResourceDefinition;
  const { pull, name = `${definition.name}.pull`, ...rest } = options;
  const task = taskDefinition(
    { ...rest, name, input: idSchema, run: notCalled },
    {
      queue: 'background',
      key: ({ id }: { readonly id: string }) => id,
      whenBusy: 'skip',
      known: ['name', 'input', 'run', 'description', 'queue', ...limitNames],
      handler: (run) => pullOnce(run, definition, pull as unknown as LoosePull),
    },
  );
  if (typeof pull !== 'function') {
    throw problemsError('CONFIGURATION_INVALID', 'A pull task is defined wrongly', [
      `task "${name}" has no "pull" function`,
    ]);
  }
  return Object.freeze({ ...task, resource: definition }) as PullTask<R>;
}

type LoosePull = (resource: object, backend: unknown, context: TaskContext) => Promise<Record<string, unknown>>;

const limitNames = ['retry', 'softTimeLimit', 'timeLimit', 'interruptible', 'isolation'];

function notCalled(): never {
  throw new ReeveError('TASK_FAILED', 'a pull task is run by its own handler');
}

async function pullOnce(run: StepRun, { name: type }: ResourceDefinition, pull: LoosePull) {
  const ref = { type, id: (run.args as { readonly id: string }).id };
  const { observer, context } = run;
  let answer: PullResult = { pulled: false, because: 'changed' };
  try {
    for (let look = 1; look <= maxLooks && !answer.pulled && answer.because === 'changed'; look += 1) {
      const observed = await observer.read(ref);
      if (observed === 'gone' || observed === 'owned') answer = { pulled: false, because: observed };
      else {
        const { resource, version } = observed;
        const fields = await pull(resource, run.backendOf(type, resource), context);
        if (await observer.save(ref, version, fields ?? {})) answer = { pulled: true };
      }
    }
  } catch (error) {
    // A cancel says nothing about the resource.
    const isCanceled = isReeveError(context.signal.reason) && context.signal.reason.code === 'EXECUTION_CANCELED';
    if (!isCanceled) await observer.mark(ref, storeError(error));
    throw error;
  }
  if (!answer.pulled && answer.because === 'gone') await observer.forget(ref);
  return { kind: 'succeeded', result: answer } as const;
}

export interface ListPullOptions<R extends object> extends CommonTaskOptions {
  /** Default: the name of the pull task with `.list`. */
  readonly name?: string;
  /** Narrows what is pulled: `(query) => query.andWhere('resource.region = :region', { region })`. */
  readonly where?: (query: ResourceQuery<R>) => unknown;
}

/** How many were asked for, started, and refused because one for the same resource is alive. */
export interface ListPullResult {
  readonly found: number;
  readonly started: number;
  readonly refused: number;
}

/** How many pulls are started by one statement. */
const batchSize = 500;

/**
 * Declares a task that starts a pull task for each resource in a stable state that nobody owns and, where the resource
 * has a `backendId`, that exists outside. A background task with a key of its own; resources whose pull is alive are
 * passed over and counted.
 *
 * @throws CONFIGURATION_INVALID with all problems.
 */
export function defineListPullTask<R extends object>(
  pull: PullTask<R>,
  options: ListPullOptions<R> = {},
): TaskDefinition<undefined, ListPullResult> {
  const { where, name = `${pull.name}.list`, ...rest } = options;
  const problems = where === undefined || typeof where === 'function' ? [] : [`task "${name}": "where" is no function`];
  if (problems.length > 0)
    throw problemsError('CONFIGURATION_INVALID', 'A list pull task is defined wrongly', problems);
  const task = taskDefinition(
    { ...rest, name, run: notCalled },
    {
      queue: 'background',
      key: () => 'all',
      whenBusy: 'skip',
      known: ['name', 'run', 'description', 'queue', ...limitNames],
      handler: (run) => pullAll(run, pull, where as ((query: ResourceQuery) => unknown) | undefined),
    },
  );
  return Object.freeze({ ...task, starts: [pull] });
}

async function pullAll(run: StepRun, pull: PullTask<never>, where: ((query: ResourceQuery) => unknown) | undefined) {
  const ids = await run.observer.list(pull.resource.name, where);
  let started = 0;
  for (let from = 0; from < ids.length; from += batchSize) {
    run.context.signal.throwIfAborted();
    const inputs = ids.slice(from, from + batchSize).map((id) => ({ id }));
    started += await run.startAll(pull, inputs);
    await run.context.progress((100 * (from + inputs.length)) / ids.length);
  }
  const result: ListPullResult = { found: ids.length, started, refused: ids.length - started };
  return { kind: 'succeeded', result } as const;
}
