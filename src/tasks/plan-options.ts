import type { Duration } from '../core/duration.ts';
import type { Jsonable } from '../core/json.ts';
import type { QueueName } from '../core/queue-names.ts';
import type { LimitOptions } from './step-limits.ts';

/** The properties of a resource that only executions may write; a step cannot `save` them. */
type EngineProperty =
  'id' | 'state' | 'executionId' | 'runtimeState' | 'action' | 'actionDetails' | 'errorMessage' | 'errorTraceback';

/** The fields of a resource that a step may save, with values that survive JSON. */
type SavedFields<R> = { readonly [K in Exclude<keyof R & string, EngineProperty>]?: Jsonable<R[K]> };

export interface StepOptions<S extends string> extends LimitOptions {
  /** What people read in logs and lists. */
  readonly description?: string;
  /** Default: the queue of the task; `heavy` for all steps of an execution of weight `heavy`. */
  readonly queue?: QueueName;
  /** How long the step waits after its predecessor before it may start. No worker is busy meanwhile. */
  readonly countdown?: Duration;
  /** The state of the resource while the step runs; without any `during` in a plan the first step begins it. */
  readonly during?: S;
  /** The runtime state of the resource while the step runs. */
  readonly runtimeDuring?: string;
  /** The runtime state of the resource once the step has succeeded. */
  readonly runtimeAfter?: string;
}

export interface CallOptions<R, S extends string, Result> extends StepOptions<S> {
  /** Fields of the resource that are stored in the same commit as the success of the step. Picks, never computes. */
  readonly save?: (result: Result) => SavedFields<R>;
}

export interface PollOptions<R, S extends string, Result> extends CallOptions<R, S, Result> {
  /** The value, or values, that end the poll well. Default `true`, for methods that answer a boolean. */
  readonly until?: Result | readonly Result[];
  /** Values that fail the step at once. */
  readonly failOn?: Result | readonly Result[];
  /** Values that mean that the object is gone, which fails the step with BACKEND_NOT_FOUND. */
  readonly goneOn?: Result | readonly Result[];
  /** The pause between two looks. Default `5s`. No worker is busy meanwhile. */
  readonly every?: Duration;
  /** The longest pause; where it is longer than `every` the pause doubles up to it. Default: `every`. */
  readonly maxEvery?: Duration;
  /** How long the poll may go on from its first look. Compulsory. */
  readonly timeout: Duration;
  /** How many transient errors in a row are borne. Default 3. */
  readonly tolerate?: number;
}

export const stepOptionNames = [
  'description',
  'queue',
  'countdown',
  'during',
  'runtimeDuring',
  'runtimeAfter',
  'retry',
  'softTimeLimit',
  'timeLimit',
  'interruptible',
] as const;

export const pollOptionNames = ['until', 'failOn', 'goneOn', 'every', 'maxEvery', 'timeout', 'tolerate'] as const;
