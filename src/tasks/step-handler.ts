import type { JsonValue } from '../core/json.ts';
import type { StoredError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
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
  /** The backend of the resource, made for this attempt. */
  loadBackend(resource: object): unknown;
}

export type HandlerAnswer =
  | { readonly kind: 'succeeded'; readonly result: unknown; readonly poll?: JsonValue }
  | { readonly kind: 'failed'; readonly error: StoredError; readonly poll?: JsonValue }
  /** Look again after the delay, without using up an attempt. */
  | { readonly kind: 'again'; readonly delayMs: number; readonly poll: JsonValue; readonly error?: StoredError };

/** What a worker calls for the steps of one task. A thrown thing is a failed attempt. */
export type StepHandler = (run: StepRun) => Promise<HandlerAnswer>;
