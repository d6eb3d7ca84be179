import { problemsError } from './errors.ts';

/** From which states a transition starts and where it leads. */
export interface Transition<S extends string = string> {
  readonly from: readonly S[];
  readonly to: S;
}

/** Which transitions an operation of one kind takes; `start` is left out where the resource is born in its first state. */
export interface OperationTransitions<T extends string = string> {
  /** In the caller's transaction. */
  readonly start?: T;
  /** In the claim of the first step, unless a step says `during`. */
  readonly begin?: T;
  /** In the completion of the last step. */
  readonly success?: T;
  /** In the completion that fails the execution. */
  readonly failure?: T;
}

export interface StateMachine<S extends string = string, T extends string = string> {
  readonly states: readonly S[];
  /** The state of a new row. */
  readonly initial: S;
  /** The states in which no execution owns the resource. */
  readonly stable: readonly S[];
  readonly transitions: Readonly<Record<T, Transition<S>>>;
  readonly operations: Readonly<Partial<Record<OperationKind, OperationTransitions<T>>>>;
}

export type OperationKind = 'create' | 'update' | 'delete' | 'action';

/**
 * A state machine of one's own for a resource.
 *
 * @throws CONFIGURATION_INVALID with all problems: a transition from or to an unknown state, an unknown initial or
 * stable state, an operation that names an unknown transition.
 */
export function defineStates<const S extends string, const T extends string>(machine: {
  readonly states: readonly S[];
  readonly initial: NoInfer<S>;
  readonly stable: readonly NoInfer<S>[];
  readonly transitions: Readonly<Record<T, Transition<NoInfer<S>>>>;
  readonly operations?: Readonly<Partial<Record<OperationKind, OperationTransitions<NoInfer<T>>>>>;
}): StateMachine<S, T> {
  const problems = machineProblems(machine);
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The state machine is wrong', problems);
  return Object.freeze({ ...machine, operations: machine.operations ?? {} });
}

function machineProblems(machine: {
  readonly states: readonly string[];
  readonly initial: string;
  readonly stable: readonly string[];
  readonly transitions: Readonly<Record<string, Transition>>;
  readonly operations?: Readonly<Partial<Record<OperationKind, OperationTransitions>>>;
}): string[] {
  const states = new Set(machine.states);
  const problems: string[] = [];
  const check = (state: string, place: string): void => {
    if (!states.has(state)) problems.push(`${place} names the state "${state}", which is not one of its states`);
  };
  check(machine.initial, 'initial');
  for (const state of machine.stable) check(state, 'stable');
  for (const [name, transition] of Object.entries(machine.transitions)) {
    for (const from of transition.from) check(from, `transition "${name}"`);
    check(transition.to, `transition "${name}"`);
  }
  for (const [kind, operation] of Object.entries(machine.operations ?? {})) {
    for (const transition of Object.values<string>({ ...operation })) {
      if (!Object.hasOwn(machine.transitions, transition)) {
        problems.push(`operation "${kind}" names the transition "${transition}", which does not exist`);
      }
    }
  }
  return problems;
}
