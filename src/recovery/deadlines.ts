import type { Logger } from '../core/logging.ts';
import { Loop } from '../core/loop.ts';
import { expireExecution } from '../executions/expire-execution.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { SharedLook } from '../executions/shared-look.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { listOverdue } from '../executions/sql/list-overdue.ts';

export interface DeadlinesOptions {
  readonly pool: LedgerPool;
  readonly look: SharedLook;
  readonly writes: ResourceWrites;
  readonly logger: Logger;
  /** The longest pause; a deadline that another process sets for sooner is seen after it at the latest. */
  readonly intervalMs: number;
  /** Tells the running steps of this process and whoever waits for the result, and cancels the children. */
  readonly onCanceled: (executionId: string) => Promise<unknown>;
}

const batchSize = 200;

/** Cancels executions when their deadline has passed. Any number may run at once: each is looked at under its lock. */
export class Deadlines {
  readonly #options: DeadlinesOptions;
  readonly #loop: Loop;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
    const { logger, intervalMs } = options;
    this.#loop = new Loop({ name: 'deadlines', logger, intervalMs, round: () => this.#round() });
    options.look.join(this.#loop);
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number | undefined> {
    const { pool, writes, logger, onCanceled } = this.#options;
    const { deadlineMs } = await this.#options.look.take(this.#loop);
    if (deadlineMs === null) return undefined;
    if (deadlineMs > 0) return deadlineMs + 1;
    const { ids, nextMs } = await listOverdue(pool, batchSize);
    for (const executionId of ids) {
      const answer = await expireExecution(pool, writes, executionId);
      if (answer === undefined) continue;
      logger.warn({ event: 'execution.overdue', execution: executionId }, 'the deadline of an execution has passed');
      await onCanceled(executionId);
    }
    if (ids.length === batchSize) return 0;
    return nextMs === null ? undefined : nextMs + 1;
  }
}
