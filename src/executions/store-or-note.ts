import { isReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import type { Connection } from './connection.ts';
import type { ResourceRef } from './resource-writes.ts';
import { isRefusal } from './sql-state.ts';
import { insertEvent } from './sql/insert-event.ts';

/**
 * Writes behind a savepoint: a row that refuses its failure (a trigger, a constraint, a type that is not registered
 * here) must not keep the execution from ending. It is left as it is, and an event says so.
 */
export async function storeOrNote(
  connection: Connection,
  { step, resource }: { readonly step: { readonly executionId: string }; readonly resource: ResourceRef },
  write: () => Promise<void>,
): Promise<void> {
  await connection.query('SAVEPOINT reeve_failure');
  try {
    await write();
    await connection.query('RELEASE SAVEPOINT reeve_failure');
  } catch (error) {
    if (!isRefusal(error) && !isReeveError(error)) throw error;
    await connection.query('ROLLBACK TO SAVEPOINT reeve_failure');
    await insertEvent(connection, {
      kind: 'resource.refused_failure',
      executionId: step.executionId,
      resource,
      data: { message: storeError(error).message },
    });
  }
}
