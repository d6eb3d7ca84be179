import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import { readyDue } from '../executions/ready-due.ts';
import type { SharedLook } from '../executions/shared-look.ts';

export interface DueLoopOptions {
  readonly pool: LedgerPool;
  readonly look: SharedLook;
  readonly logger: Logger;
  /** The longest pause; a step that another process delays for less is found after it at the latest. */
  readonly intervalMs: number;
  readonly nudge: () => void;
}

const batchSize = 500;

/** Makes delayed steps ready when their time has come: countdowns, retries, polls. Wakes for the next due time. */
export function dueLoop({ pool, look, logger, intervalMs, nudge }: DueLoopOptions): Loop {
  const loop = new Loop({
    name: 'due',
    logger,
    intervalMs,
    round: async (_signal, isWoken) => {
      if (!isWoken) {
        const { dueMs } = await look.take(loop);
        if (dueMs === null) return undefined;
        if (dueMs > 0) return Math.max(dueMs + 1, 10);
      }
      const { count, nextDueMs } = await readyDue(pool, batchSize);
      if (count > 0) nudge();
      if (count === batchSize) return 0;
      return nextDueMs === null ? undefined : Math.max(nextDueMs + 1, 10);
    },
  });
  look.join(loop);
  return loop;
}
