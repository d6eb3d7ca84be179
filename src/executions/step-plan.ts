import type { RetryPolicy } from '../core/backoff.ts';
import type { JsonValue } from '../core/json.ts';
import type { Transition } from '../core/state-machine.ts';
import type { StepKind } from './states.ts';

/** The limits of one step, as stored. */
export interface StepPolicy {
  readonly retry: RetryPolicy;
  /** After this many milliseconds `ctx.signal` is aborted. */
  readonly softTimeLimitMs: number | null;
  /** After this many milliseconds the attempt is over, whatever its code does. */
  readonly timeLimitMs: number | null;
  /** Whether a shutdown may send the step back instead of waiting for it. */
  readonly interruptible: boolean;
  readonly poll: PollPolicy | null;
}

export interface PollPolicy {
  readonly everyMs: number;
  /** The longest pause; equal to `everyMs` where the pause does not grow. */
  readonly maxEveryMs: number;
  readonly timeoutMs: number;
  readonly until: readonly JsonValue[];
  readonly failOn: readonly JsonValue[];
  readonly goneOn: readonly JsonValue[];
  /** How many transient errors in a row are borne. */
  readonly tolerate: number;
}

/** What the claim and the completion of a step write on its resource, in the same transaction. */
export interface StepEffects {
  /** `operation`: every resource of the execution begins; a transition: only the main one takes it. */
  readonly begin?: 'operation' | Transition;
  readonly runtimeDuring?: string;
  readonly runtimeAfter?: string;
  readonly after?: Transition;
  readonly errorMessage?: string;
  /** Fields of the resource, each with a value or a reference into this step's result. */
  readonly save?: JsonValue;
  readonly deletes?: boolean;
  /** For a gate: the first and last step of each side (null where a side is empty) and the join behind both. */
  readonly gate?: {
    readonly yes: readonly [number, number] | null;
    readonly no: readonly [number, number] | null;
    readonly join: number;
  };
  /** Whether a failure of the step does not fail the execution, but decides its gate. */
  readonly outcome?: boolean;
  /** For the first step of a member of a bounded group: its join, and whether it waits for another member to end. */
  readonly bound?: { readonly join: number; readonly waits: boolean };
  /** For a child: what happens to its resource when the parent fails before the child has started. */
  readonly child?: {
    readonly type: string;
    readonly unstarted: 'fail' | 'delete' | 'leave';
    readonly initial: string;
    readonly failure: string | null;
  };
  /** For the join of a bounded group. */
  readonly bounds?: boolean;
  /** For the first step of a scope: the permits that it waits for. */
  readonly acquire?: ScopeStart;
  /** For the last step of a scope: the position of its first. */
  readonly release?: number;
  /** In a plan with scopes; `releases` where the end of this step may be the end of a scope. */
  readonly permits?: 'none' | 'releases';
}

/** The first step of a scope, which no worker runs: it succeeds once its permits are there. */
export interface ScopeStart {
  /** The position of the step that ends the scope. */
  readonly last: number;
  readonly waitsFor: 'permit' | 'hold';
  /** The names of throttles; what they mean for the resource stands in `keys` once the plan is stored. */
  readonly throttles: readonly string[];
  readonly keys: readonly PermitKey[];
}

/** One permit that a scope wants. */
export interface PermitKey {
  readonly key: string;
  readonly name: string;
  readonly limit: number;
  readonly level: number;
  /** For a hold: the resource that the execution owns meanwhile. */
  readonly resource?: { readonly type: string; readonly id: string };
}

/** One step of a plan, before it is stored. `next` and `openPredecessors` are the graph. */
export interface StepDraft {
  readonly position: number;
  readonly kind: StepKind;
  readonly task: string;
  readonly description: string;
  readonly args: JsonValue;
  readonly queue: string;
  readonly policy: StepPolicy;
  readonly effects: StepEffects;
  readonly countdownMs: number;
  readonly openPredecessors: number;
  readonly next: readonly number[];
  /** Positions of earlier steps whose results `args` refers to. */
  readonly needsResults: readonly number[];
}
