import type { EntitySchema, EntityTarget, ObjectLiteral } from 'typeorm';
import { problemsError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { nameProblems, unknownOptions } from '../core/options.ts';
import type { StateMachine } from '../core/state-machine.ts';

/** What a backend factory gets beside the resource. */
export interface BackendContext {
  /** Aborted at the soft time limit, at a shutdown, and when the step was lost to another worker. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The same for every attempt of one step: for outside systems that refuse a second request with the same key. */
  readonly idempotencyKey: string;
  /** Grows with every claim of the step: for outside systems that refuse a smaller one than they have seen. */
  readonly fence: number;
}

export interface ResourceOptions<R extends ObjectLiteral, B, S extends string, T extends string> {
  /** Unique among resources, such as `postgres.database`. */
  readonly name: string;
  readonly states: StateMachine<S, T>;
  /** Makes the driver of the outside system, anew for every step, from the freshly read resource. */
  readonly backend?: (resource: R, context: BackendContext) => B;
  /** Relations that are loaded with the resource for backends, facts and hooks, such as `['server']`. */
  readonly relations?: readonly (keyof R & string)[];
}

/** A tracked kind of resource: a TypeORM entity with states and, mostly, a backend. Made by {@link defineResource}. */
export interface ResourceDefinition<
  R extends ObjectLiteral = ObjectLiteral,
  B = unknown,
  S extends string = string,
  T extends string = string,
> {
  readonly name: string;
  readonly target: EntityTarget<R>;
  readonly states: StateMachine<S, T>;
  readonly backend: ((resource: R, context: BackendContext) => B) | undefined;
  readonly relations: readonly string[];
}

/** Any resource definition, whatever its entity and backend are. */
export interface AnyResource {
  readonly name: string;
  readonly target: unknown;
  readonly relations: readonly string[];
}

const knownOptions = ['name', 'states', 'backend', 'relations'];

/**
 * Declares an entity to be a tracked resource.
 *
 * @throws CONFIGURATION_INVALID for a bad name or an unknown option; whether the entity has the engine's columns is
 * checked when the Reeve object is made.
 */
export function defineResource<R extends ObjectLiteral, B, const S extends string, const T extends string>(
  target: (abstract new (...args: never[]) => R) | EntitySchema<R>,
  options: ResourceOptions<R, B, S, T>,
): ResourceDefinition<R, B, S, T> {
  const subject = `resource "${options.name}"`;
  const problems = [...nameProblems(options.name, subject), ...unknownOptions(options, knownOptions, subject)];
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'A resource is defined wrongly', problems);
  return Object.freeze({
    name: options.name,
    target,
    states: options.states,
    backend: options.backend,
    relations: options.relations ?? [],
  });
}
