import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { ResourceWrites } from '../executions/resource-writes.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import { listExpiredSteps } from '../executions/sql/list-expired-steps.ts';
import { reapStep } from './reap-step.ts';
import { stepLogger } from './step-log.ts';

export interface ReaperOptions {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly leaseMs: number;
  readonly maxCrashes: number;
  readonly nudge: () => void;
}

const batchSize = 500;
const failurePauseMs = 60_000;

/**
 * Ends the claims of workers that gave no sign of life for a whole lease: the step goes on elsewhere at once, without
 * using up an attempt, until it has lost its worker `maxCrashes` times.
 *
 * Any number of reapers may run: each claim is ended by its token, and the lease is looked at again under the lock. After
 * an outage of the database, or when it has just started, a reaper waits a whole lease, so that live workers can renew
 * theirs first.
 */
export class Reaper {
  readonly #options: ReaperOptions;
  readonly #loop: Loop;
  /** Tokens whose end failed, and when they may be tried again, so that one row never blocks the others. */
  readonly #failed = new Map<string, number>();
  #notBefore = Number.POSITIVE_INFINITY;

  constructor(options: ReaperOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'reaper',
      logger: options.logger,
      intervalMs: options.intervalMs,
      round: () => this.#round(),
      onFailure: () => {
        this.#notBefore = performance.now() + options.leaseMs;
      },
    });
  }

  start(): void {
    this.#notBefore = performance.now() + this.#options.leaseMs;
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<number | undefined> {
    const { pool, nudge } = this.#options;
    const waitMs = this.#notBefore - performance.now();
    if (waitMs > 0) return waitMs;
    const expired = await listExpiredSteps(pool, batchSize);
    for (const step of expired) {
      if ((this.#failed.get(step.token) ?? 0) <= performance.now()) await this.#tryReap(step);
    }
    if (expired.length > 0) nudge();
    return undefined;
  }

  async #tryReap(step: ClaimedStep): Promise<void> {
    try {
      await reapStep(this.#options, step);
      this.#failed.delete(step.token);
    } catch (error) {
      if (isConnectionError(error)) throw error;
      this.#failed.set(step.token, performance.now() + failurePauseMs);
      stepLogger(this.#options.logger, step).error(
        { event: 'step.reap.failed', err: storeError(error) },
        `an expired step could not be ended here: ${storeError(error).message}`,
      );
    }
  }
}
