import type { StateMachine } from '../core/state-machine.ts';
import type { StepEffects } from '../executions/step-plan.ts';

/** An executor, as far as a plan needs it to start a child. */
export interface ChildExecutor<R, Input> {
  readonly name: string;
  readonly resource: { readonly name: string; readonly states: StateMachine } | undefined;
  readonly '~types'?: { readonly resource: (resource: R) => void; readonly input: Input };
}

export interface ChildOptions {
  /**
   * What happens to the child's resource when the parent fails before the child has started: `fail`, the default, makes
   * it erred with the reason, `delete` deletes its row, `leave` leaves it. Only for resources still in their first state
   * and only where the plan itself names the resource.
   */
  readonly onParentFailure?: 'fail' | 'delete' | 'leave';
  /** `false`: the plan goes on at once, and the child ends by itself; its result is its `executionId`. */
  readonly wait?: boolean;
  /** For update executors. */
  readonly changed?: readonly string[];
  /** For delete executors. */
  readonly force?: boolean;
  readonly description?: string;
}

export function childEffect(
  executor: ChildExecutor<never, unknown>,
  unstarted: 'fail' | 'delete' | 'leave',
): NonNullable<StepEffects['child']> | undefined {
  const { resource } = executor;
  if (resource === undefined) return undefined;
  const { states } = resource;
  const failure = states.operations.create?.failure;
  const to = failure === undefined ? undefined : states.transitions[failure]?.to;
  return { type: resource.name, unstarted, initial: states.initial, failure: to ?? null };
}
