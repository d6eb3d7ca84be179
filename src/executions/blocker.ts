import type { JsonValue } from '../core/json.ts';

/** Why something waits. */
export type BlockerKind =
  /** The execution has ended; nothing is waited for. */
  | 'ended'
  /** The execution is paused. */
  | 'paused'
  /** The execution is failing or canceling and waits for its running steps. */
  | 'ending'
  /** A worker runs the step. */
  | 'running'
  /** The queue of the step is paused. */
  | 'queue-paused'
  /** No live worker serves the queue of the step. */
  | 'no-worker'
  /** The live workers of the queue do not know the task. */
  | 'unknown-task'
  /** The step is in its queue, for the next free place of a worker. */
  | 'queued'
  /** A countdown, or a step that was given back. */
  | 'delayed'
  /** The step is tried again after an error. */
  | 'retry'
  /** A poll looks again. */
  | 'poll'
  /** The step waits for a child, or for its turn in a bounded group. */
  | 'waiting'
  /** The step waits for a permit: of which throttle, who holds it, how many stand in front. */
  | 'permit'
  /** The step waits until it may hold another resource: whose that is now. */
  | 'hold'
  /** The step waits for earlier steps. */
  | 'predecessor'
  /** The resource belongs to an execution. */
  | 'owned'
  /** Nothing holds the resource. */
  | 'free';

/** One link of the chain: what holds something up, in words and with what they are based on. */
export interface Blocker {
  readonly kind: BlockerKind;
  readonly text: string;
  /** The step that it is about, from 0. */
  readonly position: number | null;
  readonly evidence: Readonly<Record<string, JsonValue>>;
}
