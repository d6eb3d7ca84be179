import { isReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { Loop } from '../core/loop.ts';
import { storeError } from '../core/stored-error.ts';
import type { Connection } from '../executions/connection.ts';
import type { SharedLook } from '../executions/shared-look.ts';
import { isConflictError } from '../executions/sql-state.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import { forgetRun } from '../executions/sql/forget-run.ts';
import { insertEvent } from '../executions/sql/insert-event.ts';
import { listRememberedRuns, type RememberedRun } from '../executions/sql/list-remembered-runs.ts';

export interface RememberedRunsOptions {
  readonly connection: Connection;
  readonly look: SharedLook;
  readonly logger: Logger;
  /** The longest pause; a run that ended in another process is seen after it at the latest. */
  readonly intervalMs: number;
  /** The background tasks that this process knows. */
  readonly tasks: readonly string[];
  /** Starts a remembered run, and forgets it in the same statement unless a later request has taken its place. */
  readonly start: (run: RememberedRun) => Promise<Scheduled>;
}

const batchSize = 100;

/**
 * Starts the one more run that was asked for while a background task was alive, as soon as no execution has its key any
 * more, however that one ended. Any number may run at once: the unique key lets one of them start it.
 */
export class RememberedRuns {
  readonly #options: RememberedRunsOptions;
  readonly #loop: Loop;

  constructor(options: RememberedRunsOptions) {
    this.#options = options;
    const { logger, intervalMs } = options;
    this.#loop = new Loop({
      name: 'remembered-runs',
      logger,
      intervalMs,
      round: (_signal, isWoken) => this.#round(isWoken),
    });
    options.look.join(this.#loop);
  }

  start(): void {
    this.#loop.start();
  }

  /** Called when this process has ended an execution. */
  wake(): void {
    this.#loop.wake();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(isWoken: boolean): Promise<number | undefined> {
    const { connection, look, tasks } = this.#options;
    if (tasks.length === 0 || (!isWoken && !(await look.take(this.#loop)).isRemembered)) return undefined;
    const runs = await listRememberedRuns(connection, tasks, batchSize);
    const started = await Promise.all(runs.map((run) => this.#start(run)));
    return runs.length === batchSize && started.includes(true) ? 0 : undefined;
  }

  async #start(run: RememberedRun): Promise<boolean> {
    const { connection, logger, start } = this.#options;
    try {
      return (await start(run)).created;
    } catch (error) {
      if (isConflictError(error) || (isReeveError(error) && error.code === 'BUSY')) return false;
      if (!isReeveError(error)) throw error;
      const err = storeError(error);
      await forgetRun(connection, run.unique_key, run.token);
      await insertEvent(connection, {
        kind: 'background.forgotten',
        data: { task: run.task, key: run.unique_key, code: err.code, message: err.message },
      });
      const fields = { event: 'background.forgotten', task: run.task, key: run.unique_key, err };
      logger.error(fields, `the run of ${run.task} that was asked for once more cannot start: ${err.message}`);
      return false;
    }
  }
}
