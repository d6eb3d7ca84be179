import { isReeveError, ReeveError } from '../core/errors.ts';
import type { Transition } from '../core/state-machine.ts';
import type { Connection } from './connection.ts';
import type { ClaimedStep } from './claimed-step.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { mainResource } from './main-resource.ts';
import type { ResourceRef, ResourceWrites } from './resource-writes.ts';
import { claimStep, type ClaimParams } from './sql/claim-step.ts';
import { findClaimedStep } from './sql/find-claimed-step.ts';
import { findClaimableStep, type ClaimableStep } from './sql/find-claimable-step.ts';
import type { OwnedResource } from './sql/insert-execution-resources.ts';
import { isRefusal } from './sql-state.ts';
import { listExecutionResources } from './sql/list-execution-resources.ts';
import { lockExecution } from './sql/lock-execution.ts';
import { postponeStep } from './sql/postpone-step.ts';

export type ClaimAnswer =
  | { readonly kind: 'claimed'; readonly step: ClaimedStep; readonly beginFailure?: Error }
  /** Nothing to do: done already, claimed by another, of an older delivery, or its execution has ended. */
  | { readonly kind: 'stale' }
  | { readonly kind: 'paused' }
  /** It has lost its workers before: nothing else may run in the process that takes it. */
  | { readonly kind: 'alone'; readonly task: string; readonly queue: string }
  /** Left for a worker that knows the task and the resources. */
  | { readonly kind: 'unknown'; readonly what: string };

const unknownDelayMs = 1_000;

/**
 * Takes a step for a worker. A claim that begins resources locks execution, then resources, then the step, and moves
 * the resources in the same transaction; every other claim is one statement.
 *
 * Calling it again with the same token after a lost answer is safe: it gives the step that the first call has taken.
 *
 * @param claim - The one statement, where it is shared with other claims. It may pass over a row that somebody holds.
 */
export async function takeStep(
  pool: LedgerPool,
  writes: ResourceWrites,
  params: ClaimParams,
  claim = async (): Promise<ClaimedStep | undefined> => claimStep(pool, params, false),
): Promise<ClaimAnswer> {
  const step = await claim();
  if (step !== undefined) return { kind: 'claimed', step };
  const found = await findClaimableStep(pool, params.executionId, params.position, params.resourceTypes);
  if (found === undefined) return { kind: 'stale' };
  if (found.state === 'running') {
    const mine = await findClaimedStep(pool, params.executionId, params.position, params.token);
    return mine === undefined ? { kind: 'stale' } : { kind: 'claimed', step: mine };
  }
  if (found.state !== 'ready' || found.delivery !== params.delivery) return { kind: 'stale' };
  if (found.paused) return { kind: 'paused' };
  if (found.execution_state === 'paused') {
    // It became ready after the pause: it waits, like everything that is due, for the resume.
    await postponeStep(pool, params, 0);
    return { kind: 'paused' };
  }
  const unknown = unknownName(found, params);
  if (unknown !== undefined) {
    await postponeStep(pool, params, unknownDelayMs);
    return { kind: 'unknown', what: unknown };
  }
  if (found.crashes >= params.loneFrom) return { kind: 'alone', task: found.task, queue: found.queue };
  if (!found.begins) {
    const late = await claimStep(pool, params, false);
    return late === undefined ? { kind: 'stale' } : { kind: 'claimed', step: late };
  }
  return pool.transaction((connection) => takeBeginningStep(connection, writes, params));
}

function unknownName(found: ClaimableStep, params: ClaimParams): string | undefined {
  if (!params.tasks.includes(found.task)) return `task "${found.task}"`;
  return found.unknown_type === null ? undefined : `resource type "${found.unknown_type}"`;
}

async function takeBeginningStep(
  connection: Connection,
  writes: ResourceWrites,
  params: ClaimParams,
): Promise<ClaimAnswer> {
  const execution = await lockExecution(connection, params.executionId, 'share');
  if (execution?.state !== 'running') return { kind: 'stale' };
  const resources = await listExecutionResources(connection, params.executionId);
  await writes.lock(connection, resources);
  const step = await claimStep(connection, params, true);
  if (step === undefined) return { kind: 'stale' };
  const beginFailure = await tryBegin(connection, writes, step, resources);
  return beginFailure === undefined ? { kind: 'claimed', step } : { kind: 'claimed', step, beginFailure };
}

/** A begin that the database refuses must not undo the claim: the step is taken, and then failed with the reason. */
async function tryBegin(
  connection: Connection,
  writes: ResourceWrites,
  step: ClaimedStep,
  resources: readonly OwnedResource[],
): Promise<Error | undefined> {
  await connection.query('SAVEPOINT reeve_begin');
  try {
    const lost = await beginResources(connection, writes, step, resources);
    return lost === undefined ? undefined : lostError(lost, step);
  } catch (error) {
    if (!Error.isError(error) || !(isRefusal(error) || isReeveError(error))) throw error;
    await connection.query('ROLLBACK TO SAVEPOINT reeve_begin');
    return error;
  }
}

async function beginResources(
  connection: Connection,
  writes: ResourceWrites,
  step: ClaimedStep,
  resources: readonly OwnedResource[],
): Promise<ResourceRef | undefined> {
  const { begin, runtimeDuring } = step.effects;
  const main = mainResource(step, resources);
  for (const { ref, transition, owner } of [
    ...(begin === 'operation' ? operationBegins(resources) : []),
    ...(typeof begin === 'object' && main !== undefined ? [{ ...main, transition: begin }] : []),
  ]) {
    const begun = await writes.change(connection, ref, {
      executionId: step.executionId,
      owner,
      transition: { from: [...transition.from, transition.to], to: transition.to },
    });
    if (!begun) return ref;
  }
  if (runtimeDuring === undefined || main === undefined) return undefined;
  const { ref, owner } = main;
  const set = await writes.change(connection, ref, {
    executionId: step.executionId,
    owner,
    runtimeState: runtimeDuring,
  });
  return set ? undefined : ref;
}

function operationBegins(
  resources: readonly OwnedResource[],
): { ref: ResourceRef; owner: 'mine'; transition: Transition }[] {
  return resources.flatMap((ref) => (ref.begin === null ? [] : [{ ref, owner: 'mine', transition: ref.begin }]));
}

function lostError(resource: ResourceRef, step: ClaimedStep): ReeveError {
  return new ReeveError(
    'RESOURCE_LOST',
    `${resource.type} ${resource.id} was changed or deleted by hand before step ${step.position + 1} of "${step.executor}" could begin`,
    { details: { resourceType: resource.type, resourceId: resource.id } },
  );
}
