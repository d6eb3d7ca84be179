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
export class DueLoop {
  readonly #loop: Loop;

  constructor(options: DueLoopOptions) {
    this.#loop = new Loop({
      name: 'due',
      logger: options.logger,
      intervalMs: options.intervalMs,
      round: async () => {
        const { count, nextDueMs } = await readyDue(options.pool, batchSize);
        if (count > 0) options.nudge();
        if (count === batchSize) return 0;
        return nextDueMs === null ? undefined : Math.max(nextDueMs + 1, 10);
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Called when this process has delayed a step: its time may come before the next look. */
  wake(): void {
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }
}
