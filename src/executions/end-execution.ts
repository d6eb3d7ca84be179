import { errorJson, type StoredError } from '../core/stored-error.ts';
import type { ClaimedStep } from './claimed-step.ts';
import type { Connection } from './connection.ts';
import { lostResource } from './lost-resource.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { listRules, type ResourceRule } from './sql/insert-rules.ts';
import { isRefusal } from './sql-state.ts';
import { endExecution } from './sql/end-execution.ts';
import { endUnstartedChildren } from './end-unstarted-children.ts';
import { wakeParentStep } from './sql/wake-parent-step.ts';
import { insertEvent } from './sql/insert-event.ts';
import { storeOrNote } from './store-or-note.ts';
import { insertLeak } from './sql/insert-leak.ts';
import type { OwnedResource } from './sql/insert-execution-resources.ts';

/** The completion that ends an execution: its transaction, its last step, the resources that are still owned. */
export interface Ending {
  readonly connection: Connection;
  readonly writes: ResourceWrites;
  readonly step: EndingStep;
  readonly resources: readonly OwnedResource[];
  readonly hasRules: boolean;
}

/** What the end needs of the step that led to it; an operator's word may end an execution at no step at all. */
type EndingStep = Pick<ClaimedStep, 'executionId' | 'resourceType' | 'resourceId'> & {
  readonly position: number | null;
};

/**
 * The success rule: every owned resource takes its success transition and is free again. When one of them was edited
 * or deleted by hand the execution fails with RESOURCE_LOST instead, and that row is left as it is.
 */
export async function endSucceeded(ending: Ending): Promise<'succeeded' | 'failed'> {
  const { connection, writes, step, resources } = ending;
  const freed: OwnedResource[] = [];
  for (const resource of resources) {
    const ended = await writes.change(connection, resource, {
      executionId: step.executionId,
      owner: 'mine',
      ownerAfter: ownerAfter(resource),
      ...(resource.success === null ? {} : { transition: resource.success }),
      action: '',
      actionDetails: {},
      error: null,
    });
    // A resource without a success transition may be gone by now: a delete plan has deleted its row.
    if (!ended && resource.success !== null) {
      const error = lostResource(resource);
      const { executionId } = step;
      await writes.change(connection, resource, { executionId, owner: 'mine', ownerAfter: ownerAfter(resource) });
      const rest = resources.filter((other) => other !== resource && !freed.includes(other));
      await endFailed({ ...ending, resources: rest }, error);
      return 'failed';
    }
    freed.push(resource);
  }
  await applyRules(ending, 'success', null);
  await endExecution(connection, step.executionId, 'succeeded', null);
  await wakeParentStep(connection, step.executionId);
  await insertEvent(connection, { kind: 'execution.succeeded', executionId: step.executionId, ...resourceOf(step) });
  return 'succeeded';
}

/**
 * The failure rule, in the same transaction as the failure itself: every resource that is still owned takes its
 * failure transition with message and traceback, and is free again. A row that is in no state to fail (edited by hand)
 * only loses its owner.
 */
export async function endFailed(ending: Ending, error: StoredError): Promise<void> {
  await endBadly(ending, error, 'failed');
}

/** As after a failure: what was begun outside is in a state that nobody knows, so the resources are erred. */
export async function endCanceled(ending: Ending, error: StoredError): Promise<void> {
  await endBadly(ending, error, 'canceled');
}

async function endBadly(ending: Ending, error: StoredError, state: 'failed' | 'canceled'): Promise<void> {
  const { connection, writes, step, resources } = ending;
  for (const resource of resources) {
    await storeOrNote(connection, { step, resource }, () =>
      failResource(connection, writes, step, { resource, error }),
    );
  }
  await applyRules(ending, 'failure', error);
  await endUnstartedChildren(connection, writes, step, error);
  await endExecution(connection, step.executionId, state, errorJson(error));
  await wakeParentStep(connection, step.executionId);
  await insertEvent(connection, {
    kind: `execution.${state}`,
    executionId: step.executionId,
    ...resourceOf(step),
    data: { code: error.code, message: error.message, position: step.position },
  });
}

async function failResource(
  connection: Connection,
  writes: ResourceWrites,
  step: EndingStep,
  { resource, error }: { readonly resource: OwnedResource; readonly error: StoredError },
): Promise<void> {
  if (resource.forget !== null && (await forgetResource(connection, writes, step, { resource, error }))) return;
  const base = { executionId: step.executionId, owner: 'mine', ownerAfter: ownerAfter(resource) } as const;
  const erred =
    resource.failure !== null &&
    (await writes.change(connection, resource, {
      ...base,
      transition: resource.failure,
      action: '',
      actionDetails: {},
      error,
    }));
  if (!erred) await writes.change(connection, resource, base);
}

/** Each resource that a rule names moves if its state fits and nobody else owns it. */
async function applyRules(
  { connection, writes, step, hasRules }: Ending,
  end: ResourceRule['end'],
  error: StoredError | null,
): Promise<void> {
  if (!hasRules) return;
  const { executionId } = step;
  for (const rule of await listRules(connection, executionId, end)) {
    const change = { executionId, owner: 'any', ownerAfter: 'none', transition: rule.transition, error } as const;
    await storeOrNote(connection, { step, resource: rule }, async () => {
      await writes.change(connection, rule, change);
    });
  }
}

/** A forced deletion that failed: the row goes all the same, with a record of what may remain outside. */
async function forgetResource(
  connection: Connection,
  writes: ResourceWrites,
  step: EndingStep,
  { resource, error }: { readonly resource: OwnedResource; readonly error: StoredError },
): Promise<boolean> {
  await connection.query('SAVEPOINT reeve_forget');
  try {
    const removed = await writes.remove(connection, resource, step.executionId);
    if (removed) {
      const { executionId } = step;
      await insertLeak(connection, { ref: resource, executionId, remains: resource.forget, error });
    }
    return removed;
  } catch (refusal) {
    if (!isRefusal(refusal)) throw refusal;
    await connection.query('ROLLBACK TO SAVEPOINT reeve_forget');
    return false;
  }
}

/** Whose a resource is afterwards: nobody's, or the ancestor's that has lent it. */
function ownerAfter({ lender }: OwnedResource): 'none' | { readonly executionId: string } {
  return lender === undefined || lender === null ? 'none' : { executionId: lender };
}

function resourceOf(step: EndingStep): { resource?: { type: string; id: string } } {
  if (step.resourceType === null || step.resourceId === null) return {};
  return { resource: { type: step.resourceType, id: step.resourceId } };
}
