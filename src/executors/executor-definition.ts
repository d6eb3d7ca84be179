import type { EntityManager, ObjectLiteral } from 'typeorm';
import type { Duration } from '../core/duration.ts';
import type { Jsonable, JsonValue } from '../core/json.ts';
import type { OperationKind, OperationTransitions, Transition } from '../core/state-machine.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import type { ThrottleDefinition } from '../tasks/define-throttle.ts';
import type { Plan } from '../tasks/plan.ts';
import type { OutputOf, Schema } from '../tasks/standard-schema.ts';

export type ExecutorKind = OperationKind | 'plain';

/** Another resource that an execution owns from its start to its end, and how it moves. Made by {@link involve}. */
export interface InvolvedResource {
  readonly definition: ResourceDefinition;
  readonly resource: unknown;
  readonly transitions: OperationTransitions;
}

/** What happens to another resource at the end of an operation. Made by {@link rule}. */
export interface StateRule {
  readonly definition: ResourceDefinition;
  readonly resource: unknown;
  readonly transition: Transition;
}

/** What a `before` hook gets: the caller's transaction, the resource as it was read in it, the checked input. */
interface BeforeScope<R, Input> {
  readonly manager: EntityManager;
  readonly resource: R;
  readonly input: Input;
}

export interface ExecutorOptions<R, B, S extends string, T extends string, I extends Schema | undefined, F> {
  /** Unique among executors. Default: the resource's name and the kind, such as `postgres.database.create`. */
  readonly name?: string;
  /** Raise it when a change of the plan matters to operators. Default 1. */
  readonly version?: number;
  readonly input?: I;
  /** What the plan may know of the resource: JSON, read in the caller's transaction and stored with the execution. */
  readonly facts?: (resource: R, input: OutputOf<I>) => F;
  /** Pure: same input and facts, same plan. `changed` holds the changed fields of an update, else it is empty. */
  readonly plan: (
    plan: Plan<R, B, S, T, undefined, object>,
    input: OutputOf<I>,
    facts: Jsonable<F>,
    changed: readonly (keyof R & string)[],
  ) => Plan<R, B, S, T, never, never> | Plan<R, B, S, T, unknown, object>;
  /** Runs in the caller's transaction once the resource is won; what it throws refuses the execution. */
  readonly before?: (scope: BeforeScope<R, OutputOf<I>>) => Promise<void> | void;
  /** Further resources that start and end with this operation. If one of them is busy, none changes. */
  readonly involves?: (resource: R, input: OutputOf<I>) => readonly InvolvedResource[];
  /**
   * Other resources that move when the operation succeeds, each only if its state fits and nobody else owns it; in the
   * same commit. See {@link rule}.
   */
  readonly onSuccess?: (resource: R, input: OutputOf<I>) => readonly StateRule[];
  /** The same when it fails or is canceled; they get the error. */
  readonly onFailure?: (resource: R, input: OutputOf<I>) => readonly StateRule[];
  /** Transitions other than those that the state machine declares for this kind of operation. */
  readonly transitions?: OperationTransitions<NoInfer<T>>;
  /** Around the whole plan: it begins once a permit of each is there. */
  readonly throttle?: ThrottleDefinition<R> | readonly ThrottleDefinition<R>[];
  /** 0, the default, is taken before all others; then 1 to 1000 in this order. */
  readonly priority?: number;
  /** How long an execution may take, waiting included; after it it is canceled with DEADLINE_EXCEEDED. Default: no limit. */
  readonly deadline?: Duration;
}

/** One operation on one kind of resource. Made by the `define…Executor` functions. */
export interface ExecutorDefinition<R = unknown, Input = unknown, Kind extends ExecutorKind = ExecutorKind> {
  readonly name: string;
  readonly version: number;
  readonly kind: Kind;
  readonly resource: ResourceDefinition | undefined;
  readonly inputSchema: Schema | undefined;
  readonly transitions: OperationTransitions | undefined;
  readonly priority: number;
  readonly deadlineMs: number | null;
  /** Around the whole plan. */
  readonly throttles: readonly ThrottleDefinition[];
  /** For people, on the resource, while an action is under way. */
  readonly action: string;
  readonly actionDetails: ((resource: ObjectLiteral, input: unknown) => JsonValue) | undefined;
  readonly facts: ((resource: ObjectLiteral, input: unknown) => unknown) | undefined;
  readonly before: ((scope: BeforeScope<ObjectLiteral, unknown>) => Promise<void> | void) | undefined;
  readonly involves: ((resource: ObjectLiteral, input: unknown) => readonly InvolvedResource[]) | undefined;
  readonly onSuccess: ((resource: ObjectLiteral, input: unknown) => readonly StateRule[]) | undefined;
  readonly onFailure: ((resource: ObjectLiteral, input: unknown) => readonly StateRule[]) | undefined;
  readonly plan: (plan: AnyPlan, input: unknown, facts: unknown, changed: readonly string[]) => unknown;
  readonly appendsDeletion: boolean;
  /** What `force` does in a delete executor. */
  readonly onForce: 'forget' | 'keepTrying';
  /** What may remain outside when the row is forgotten. */
  readonly remains: ((resource: ObjectLiteral) => JsonValue) | undefined;
  /** Tasks check their input again when they run, so what is stored is what was given, not what the schema made of it. */
  readonly storesRawInput: boolean;
  /** Only for inference. */
  readonly '~types'?: { readonly resource: (resource: R) => void; readonly input: Input };
}

export type AnyPlan = Plan<ObjectLiteral, unknown, string, string, unknown, object>;
