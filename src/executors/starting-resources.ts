import type { ObjectLiteral } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import { toJson, type JsonValue } from '../core/json.ts';
import type { OperationTransitions, Transition } from '../core/state-machine.ts';
import type { ResourceRef } from '../executions/resource-writes.ts';
import type { StartingResource } from '../executions/schedule-execution.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';
import type { ResourceRegistry } from '../resources/resource-registry.ts';
import type { ResourceRule } from '../executions/sql/insert-rules.ts';
import type { ExecutorDefinition, StateRule } from './executor-definition.ts';

interface StartSubject {
  readonly resource: ObjectLiteral;
  readonly ref: ResourceRef | undefined;
  readonly input: unknown;
  /** Whether the caller wants the row gone, even if the outside system does not follow. */
  readonly force: boolean;
}

/** The resources that an execution owns: its own, if its kind of operation moves it, and those that it involves. */
export function startingResources(
  executor: ExecutorDefinition,
  registry: ResourceRegistry,
  { resource, ref, input, force }: StartSubject,
): StartingResource[] {
  const owned: StartingResource[] = [];
  if (ref !== undefined && executor.resource !== undefined && executor.transitions?.start !== undefined) {
    const details = executor.actionDetails?.(resource, input);
    owned.push({
      ...startingResource(executor.resource, ref, executor.transitions, true),
      ...(force && executor.onForce === 'forget' ? { forget: remainsOf(executor, resource) } : {}),
      ...(executor.kind === 'action' ? { action: executor.action } : {}),
      ...(executor.kind === 'action' ? { actionDetails: toJson(details ?? {}, 'The action details') } : {}),
    });
  }
  for (const involved of executor.involves?.(resource, input) ?? []) {
    const other = registry.ref(involved.definition, involved.resource);
    if (owned.some((known) => known.type === other.type && known.id === other.id)) {
      throw new ReeveError('PLAN_INVALID', `"${executor.name}" involves ${other.type} ${other.id} twice`);
    }
    owned.push({
      ...startingResource(involved.definition, other, involved.transitions, false),
      ...(executor.kind === 'action' ? { action: executor.action } : {}),
    });
  }
  return owned;
}

/** What happens to other resources at the end, as the executor says for this resource and input. */
export function resourceRules(
  executor: ExecutorDefinition,
  registry: ResourceRegistry,
  { resource, input }: { readonly resource: ObjectLiteral; readonly input: unknown },
): ResourceRule[] {
  const rules = (end: ResourceRule['end'], given: readonly StateRule[] = []): ResourceRule[] =>
    given.map((one) => ({ ...registry.ref(one.definition, one.resource), end, transition: one.transition }));
  return [
    ...rules('success', executor.onSuccess?.(resource, input)),
    ...rules('failure', executor.onFailure?.(resource, input)),
  ];
}

function remainsOf(executor: ExecutorDefinition, resource: ObjectLiteral): JsonValue {
  const remains: unknown = executor.remains?.(resource) ?? { backendId: (resource['backendId'] as unknown) ?? null };
  return toJson(remains, `What may remain of a ${executor.resource?.name}`);
}

function startingResource(
  definition: ResourceDefinition,
  ref: ResourceRef,
  transitions: OperationTransitions,
  main: boolean,
): StartingResource {
  const named = (name: string | undefined): Transition | null =>
    name === undefined ? null : (definition.states.transitions[name] ?? null);
  const start = named(transitions.start);
  if (start === null) {
    throw new ReeveError('PLAN_INVALID', `${definition.name} ${ref.id} is involved without a "start" transition`);
  }
  return {
    ...ref,
    main,
    start,
    begin: named(transitions.begin),
    success: named(transitions.success),
    failure: named(transitions.failure),
    forget: null,
  };
}
