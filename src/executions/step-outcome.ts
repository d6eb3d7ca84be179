import type { JsonValue } from '../core/json.ts';
import type { StoredError } from '../core/stored-error.ts';
import type { StepDraft } from './step-plan.ts';

/** How an attempt ended, as its completion writes it. */
export type StepOutcome =
  | {
      readonly kind: 'succeeded';
      readonly result: JsonValue;
      readonly poll?: JsonValue;
      /** Steps that come between this one and what stood behind it. */
      readonly added?: readonly StepDraft[];
    }
  /** With a result where the failure is an outcome that decides what follows. */
  | { readonly kind: 'failed'; readonly error: StoredError; readonly poll?: JsonValue; readonly result?: JsonValue }
  | { readonly kind: 'retry'; readonly error: StoredError; readonly delayMs: number }
  /** A poll that has to look again; uses up no attempt. */
  | { readonly kind: 'again'; readonly poll: JsonValue; readonly delayMs: number; readonly error?: StoredError }
  /** Waits for the end of a child, which makes the step ready again; uses up no attempt. */
  | { readonly kind: 'await'; readonly childId: string }
  /** The worker died or hung; uses up no attempt but counts as a crash. */
  | { readonly kind: 'crashed'; readonly error: StoredError; readonly delayMs: number }
  /** Given back by a worker that shuts down; uses up no attempt. */
  | { readonly kind: 'released' }
  /** Ended because its execution was canceled; the error says how it ended, where it did so by throwing. */
  | { readonly kind: 'canceled'; readonly error?: StoredError };
