import type { ObjectLiteral } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import type { OperationTransitions } from '../core/state-machine.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import type { InvolvedResource, StateRule } from './executor-definition.ts';

/** Names another resource that an executor owns while it runs; by default it moves as in an update. */
export function involve<R extends ObjectLiteral, T extends string>(
  definition: ResourceDefinition<R, never, string, T> | ResourceDefinition<R, unknown, string, T>,
  resource: R,
  transitions?: OperationTransitions<T>,
): InvolvedResource {
  const loose = definition as unknown as ResourceDefinition;
  return { definition: loose, resource, transitions: transitions ?? loose.states.operations.update ?? {} };
}

/**
 * A rule for a resource that an operation need not own: at its end the resource takes the transition if it is in one of
 * the states that the transition starts from, or of those given, and nobody else owns it. Several rules for one resource
 * tell its states apart.
 *
 * @throws PLAN_INVALID for an unknown transition or state.
 */
export function rule<R extends ObjectLiteral, B, S extends string, T extends string>(
  definition: ResourceDefinition<R, B, S, T>,
  resource: R | string,
  transition: NoInfer<T>,
  options: { readonly when?: readonly NoInfer<S>[] } = {},
): StateRule {
  const { states, transitions } = definition.states;
  const found = Object.hasOwn(transitions, transition) ? transitions[transition] : undefined;
  const unknown = options.when?.find((state) => !states.includes(state));
  if (found === undefined || unknown !== undefined) {
    const what = found === undefined ? `the transition "${transition}"` : `the state "${unknown}"`;
    throw new ReeveError('PLAN_INVALID', `a rule for ${definition.name} names ${what}, which does not exist`);
  }
  const loose = definition as unknown as ResourceDefinition;
  return { definition: loose, resource, transition: { from: options.when ?? found.from, to: found.to } };
}
