import type { LedgerPool } from './ledger-pool.ts';
import { nextStepDueMs, readyDueSteps, type DueRound } from './sql/ready-due-steps.ts';
import { requestPermits } from './sql/request-permits.ts';

/**
 * Makes ready what is due, a bounded batch; scopes whose countdown is over stand in line in the same transaction. Where
 * nothing is due it is one look without a transaction.
 */
export async function readyDue(pool: LedgerPool, limit: number): Promise<DueRound> {
  const nextDueMs = await nextStepDueMs(pool);
  if (nextDueMs === null || nextDueMs > 0) return { count: 0, nextDueMs, waiting: [] };
  return pool.transaction(async (connection) => {
    const due = await readyDueSteps(connection, limit);
    for (const { executionId, position } of due.waiting) await requestPermits(connection, executionId, [position]);
    return due;
  });
}
