import { storeError, type StoredError } from '../core/stored-error.ts';
import { ReeveError } from '../core/errors.ts';
import type { Connection } from './connection.ts';
import type { ResourceRef, ResourceWrites } from './resource-writes.ts';
import { storeOrNote } from './store-or-note.ts';
import { listUnstartedChildren, type UnstartedChild } from './sql/list-unstarted-children.ts';

/**
 * What happens to the resources of children that will never start, by the rule that the plan declares: they become
 * erred with the reason, their rows go, or they stay as they are. Only rows that nobody owns and that are still in their
 * first state are touched.
 */
export async function endUnstartedChildren(
  connection: Connection,
  writes: ResourceWrites,
  step: { readonly executionId: string },
  cause: StoredError,
): Promise<void> {
  const { executionId } = step;
  for (const { resourceId, child } of await listUnstartedChildren(connection, executionId)) {
    const ref = { type: child.type, id: resourceId };
    if (child.unstarted === 'leave') continue;
    await storeOrNote(connection, { step, resource: ref }, () =>
      endUnstarted(connection, writes, { executionId, ref, child, cause }),
    );
  }
}

async function endUnstarted(
  connection: Connection,
  writes: ResourceWrites,
  {
    executionId,
    ref,
    child,
    cause,
  }: {
    readonly executionId: string;
    readonly ref: ResourceRef;
    readonly child: UnstartedChild['child'];
    readonly cause: StoredError;
  },
): Promise<void> {
  const found = await writes.find(connection, ref);
  if (found?.state !== child.initial || found.executionId !== null) return;
  if (child.unstarted === 'delete') {
    await writes.remove(connection, ref, executionId);
  } else if (child.failure !== null) {
    const message = `never started, because its parent execution ${executionId} failed: ${cause.message}`;
    await writes.change(connection, ref, {
      executionId,
      owner: 'free',
      ownerAfter: 'none',
      transition: { from: [child.initial], to: child.failure },
      error: storeError(new ReeveError('PARENT_FAILED', message)),
    });
  }
}
