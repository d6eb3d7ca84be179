import type { JsonValue } from '../core/json.ts';
import type { StoredError } from '../core/stored-error.ts';
import type { Connection } from '../executions/connection.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';
import type { ExecutionState } from '../executions/states.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StepDraft } from '../executions/step-plan.ts';
import type { Observer } from '../resources/observer.ts';
import type { TaskContext } from './task-context.ts';

/** One attempt of a step, as a handler sees it. */
export interface StepRun {
  readonly step: ClaimedStep;
  /** The arguments with every reference replaced by its value. */
  readonly args: JsonValue;
  readonly context: TaskContext;
  /** The resource of the execution, freshly read; RESOURCE_LOST when its row is gone. */
  loadResource(): Promise<object>;
  /** The answer of the gate's predicate; undefined when this build has another plan than the one that is stored. */
  decide(): Promise<boolean | undefined>;
  /** What a step adds to its plan; undefined when this build has another plan than the one that is stored. */
  expand(): Promise<{ readonly data: JsonValue; readonly steps: readonly StepDraft[] } | undefined>;
  /** Starts the child that the arguments name, once, and tells how it is; undefined where its executor is unknown. */
  child(): Promise<ChildState | undefined>;
  /** The backend of the resource, made for this attempt. */
  loadBackend(resource: object): unknown;
  /**
   * For a transactional step: writes the completion into the handler's own open transaction, as its last statements.
   * The handler commits, and answers `completed`; `stale` means that the step is lost, and it rolls back.
   */
  complete(connection: Connection, result: unknown): Promise<FinishAnswer>;
  /** Whether the completion of this attempt is stored: for a handler whose COMMIT was not answered. */
  isCompleted(): Promise<boolean>;
  /** The same for a resource that is not that of the execution. */
  backendOf(type: string, resource: object): unknown;
  /** Reads resources and writes what was seen of them. */
  readonly observer: Observer;
  /** Starts a background task for each input, in bulk; answers how many were not refused for their key. */
  startAll(task: { readonly name: string }, inputs: readonly JsonValue[]): Promise<number>;
}

/** How a child execution is. */
export interface ChildState {
  readonly executionId: string;
  readonly state: ExecutionState;
  readonly result: JsonValue;
  readonly error: { readonly message: string } | null;
  /** What it is, for messages. */
  readonly name: string;
}

export type HandlerAnswer =
  | {
      readonly kind: 'succeeded';
      readonly result: unknown;
      readonly poll?: JsonValue;
      readonly added?: readonly StepDraft[];
    }
  | { readonly kind: 'failed'; readonly error: StoredError; readonly poll?: JsonValue }
  /** The handler has committed the completion itself, by `complete`. */
  | { readonly kind: 'completed'; readonly finish: FinishAnswer }
  /** Wait for the end of a child, without using up an attempt. */
  | { readonly kind: 'await'; readonly childId: string }
  /** Look again after the delay, without using up an attempt. */
  | { readonly kind: 'again'; readonly delayMs: number; readonly poll: JsonValue; readonly error?: StoredError };

/** What a worker calls for the steps of one task. A thrown thing is a failed attempt. */
export type StepHandler = (run: StepRun) => Promise<HandlerAnswer>;
