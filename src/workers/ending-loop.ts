import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import type { SharedLook } from '../executions/shared-look.ts';
import { settleExecution } from '../executions/settle-execution.ts';
import { listEnded, listOrphans } from '../executions/sql/list-ending.ts';

export interface EndingLoopOptions {
  readonly pool: LedgerPool;
  readonly look: SharedLook;
  readonly writes: ResourceWrites;
  readonly logger: Logger;
  readonly intervalMs: number;
  /** Cancels a child whose parent is ending, and what it has started itself. */
  readonly cancel: (executionId: string) => Promise<void>;
  readonly onEnded: (executionId: string) => void;
}

const batchSize = 100;

/**
 * Brings executions that fail or are canceled to their end: cancels their children, and ends them after the last child.
 * Woken where this process has seen such an end; what a crashed process has left is found by the interval.
 */
export function endingLoop({ pool, look, writes, logger, intervalMs, cancel, onEnded }: EndingLoopOptions): Loop {
  const loop = new Loop({
    name: 'ending',
    logger,
    intervalMs,
    round: async (_signal, isWoken) => {
      if (!isWoken && !(await look.take(loop)).isEnding) return undefined;
      const orphans = await listOrphans(pool, batchSize);
      await each(orphans, cancel);
      const ended = await listEnded(pool, batchSize);
      await each(ended, async (id) => {
        if (await settleExecution(pool, writes, id)) onEnded(id);
      });
      return orphans.length + ended.length > 0 ? 0 : undefined;
    },
  });
  look.join(loop);
  return loop;
}

/** One that cannot be ended keeps no other from its end; the first failure is thrown when all have had their turn. */
async function each(ids: readonly string[], work: (id: string) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const id of ids) await work(id).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
