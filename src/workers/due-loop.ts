import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import { readyDue } from '../executions/ready-due.ts';

export interface DueLoopOptions {
  readonly pool: LedgerPool;
  readonly logger: Logger;
  /** The longest pause; a step that another process delays for less is found after it at the latest. */
  readonly intervalMs: number;
  readonly nudge: () => void;
}

const batchSize = 500;

/** Makes delayed steps ready when their time has come: countdowns, retries, polls. Wakes for the next due time. */
export function dueLoop({ pool, logger, intervalMs, nudge }: DueLoopOptions): Loop {
  return new Loop({
    name: 'due',
    logger,
    intervalMs,
    round: async () => {
      const { count, nextDueMs } = await readyDue(pool, batchSize);
      if (count > 0) nudge();
      if (count === batchSize) return 0;
      return nextDueMs === null ? undefined : Math.max(nextDueMs + 1, 10);
    },
  });
}
