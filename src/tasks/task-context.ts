import type { JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';

/** What a task knows of the attempt that it is in. */
export interface TaskContext {
  /** Aborted at the soft time limit, at a shutdown that wants the step back, and when another worker has the step. */
  readonly signal: AbortSignal;
  /** Names execution, step, attempt and resource in every line. */
  readonly logger: Logger;
  readonly executionId: string;
  /** The place of the step in its plan, from 0. */
  readonly position: number;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** The same for every attempt of this step; give it to outside systems that refuse a repeated request. */
  readonly idempotencyKey: string;
  /** Grows with every claim of this step; give it to outside systems that can refuse a smaller one. */
  readonly fence: number;
  /** Who asked, and whatever else was passed as `context` when the execution was scheduled. */
  readonly context: JsonValue;
  readonly resource: { readonly type: string; readonly id: string } | null;
  /** Stores how far the step is, from 0 to 100, for people who watch; does nothing once the step is lost. */
  progress(percent: number, note?: string): Promise<void>;
}
