import { ReeveError } from '../core/errors.ts';
import type { Transition } from '../core/state-machine.ts';
import type { Connection } from './connection.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { setLender } from './sql/set-lender.ts';
import { findStateBefore } from './sql/find-state-before.ts';
import type { OwnedResource } from './sql/insert-execution-resources.ts';
import type { StepEffects } from './step-plan.ts';

export interface Reowning {
  readonly executionId: string;
  readonly executor: string;
  /** In lock order. */
  readonly resources: readonly OwnedResource[];
  /** A step that is passed over: what its claim would have begun is begun now. */
  readonly skipped: { readonly effects: StepEffects } | undefined;
}

/**
 * Takes the resources of an execution that goes on, each by compare-and-set from the state that the failure left it in
 * to the one that it had before.
 *
 * @throws RESOURCE_BUSY when one of them is in another state by now or somebody else's.
 */
export async function reownResources(
  connection: Connection,
  writes: ResourceWrites,
  { executionId, executor, resources, skipped }: Reowning,
): Promise<void> {
  await writes.lock(connection, resources);
  for (const resource of resources) {
    const transition = await wayBack(connection, executionId, resource, skipped?.effects.begin);
    const taking = {
      executionId,
      ownerAfter: 'mine',
      ...(transition === undefined ? {} : { transition }),
      error: null,
    } as const;
    const { lender = null } = resource;
    const free = await writes.change(connection, resource, { ...taking, owner: 'any' });
    if (free && lender !== null) await setLender(connection, executionId, resource, null);
    const won =
      free ||
      (lender !== null && (await writes.change(connection, resource, { ...taking, owner: { executionId: lender } })));
    if (!won) throw await busy(connection, writes, resource, { executionId, executor, transition });
  }
}

async function wayBack(
  connection: Connection,
  executionId: string,
  resource: OwnedResource,
  skippedBegin: StepEffects['begin'],
): Promise<Transition | undefined> {
  const { failure, begin } = resource;
  if (failure === null) return undefined;
  const state = (await findStateBefore(connection, executionId, resource, failure.to)) ?? begin?.to;
  if (state === undefined) return undefined;
  const skipped = skippedBegin === 'operation' ? begin : resource.main ? skippedBegin : undefined;
  const passed = skipped?.from.includes(state) === true ? skipped.to : state;
  return { from: [failure.to, state], to: passed };
}

async function busy(
  connection: Connection,
  writes: ResourceWrites,
  resource: OwnedResource,
  wanted: { readonly executionId: string; readonly executor: string; readonly transition: Transition | undefined },
): Promise<ReeveError> {
  const { type, id } = resource;
  const found = await writes.find(connection, resource);
  if (found === undefined) {
    return new ReeveError('RESOURCE_NOT_FOUND', `${type} ${id} does not exist any more`, {
      details: { resourceType: type, resourceId: id },
    });
  }
  const holder = found.executionId === null ? 'no execution' : `execution ${found.executionId}`;
  const allowedStates = wanted.transition?.from ?? [];
  return new ReeveError(
    'RESOURCE_BUSY',
    `${type} ${id} is in state "${found.state}" and held by ${holder}; execution ${wanted.executionId} of "${wanted.executor}" goes on only from ${allowedStates.map((state) => `"${state}"`).join(' or ')} when nothing else holds it`,
    {
      details: {
        resourceType: type,
        resourceId: id,
        state: found.state,
        executionId: found.executionId,
        allowedStates: [...allowedStates],
      },
    },
  );
}
