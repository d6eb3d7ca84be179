import { formatMs } from '../core/duration.ts';
import { ReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import { cancelWithin, type CancelAnswer } from './cancel-execution.ts';
import type { LedgerPool } from './ledger-pool.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { overdueSpan } from './sql/overdue-span.ts';

class NotOverdue extends Error {}

/**
 * Cancels an execution whose deadline has passed, with DEADLINE_EXCEEDED as its error; undefined where it has ended, or
 * has got a later deadline, in the meantime.
 */
export async function expireExecution(
  pool: LedgerPool,
  writes: ResourceWrites,
  executionId: string,
): Promise<CancelAnswer | undefined> {
  const spanMs = await overdueSpan(pool, executionId);
  if (spanMs === undefined) return undefined;
  const text = `it did not end within ${formatMs(spanMs)}, its deadline`;
  const error = { ...storeError(new ReeveError('DEADLINE_EXCEEDED', text)), traceback: '' };
  const about = { by: 'reeve', reason: 'deadline', error } as const;
  try {
    return await pool.transaction((connection) =>
      cancelWithin(connection, writes, executionId, {
        ...about,
        async check() {
          if ((await overdueSpan(connection, executionId)) === undefined) throw new NotOverdue();
        },
      }),
    );
  } catch (reason) {
    if (reason instanceof NotOverdue) return undefined;
    throw reason;
  }
}
