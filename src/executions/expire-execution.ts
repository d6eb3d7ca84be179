import { formatMs } from '../core/duration.ts';
import { ReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import { cancelWithin, type CancelAnswer } from './cancel-execution.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { lockForOperator } from './operator.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { overdueSpan } from './sql/overdue-span.ts';

/**
 * Cancels an execution whose deadline has passed, with DEADLINE_EXCEEDED as its error; undefined where it has ended, or
 * has got a later deadline, in the meantime.
 */
export async function expireExecution(
  pool: LedgerPool,
  writes: ResourceWrites,
  executionId: string,
): Promise<CancelAnswer | undefined> {
  return pool.transaction(async (connection) => {
    const { executor } = await lockForOperator(connection, executionId);
    const spanMs = await overdueSpan(connection, executionId);
    if (spanMs === undefined) return undefined;
    const text = `"${executor}" did not end within ${formatMs(spanMs)}, its deadline`;
    const error = { ...storeError(new ReeveError('DEADLINE_EXCEEDED', text)), traceback: '' };
    return cancelWithin(connection, writes, executionId, { by: 'reeve', reason: 'deadline', error });
  });
}
