import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import type { UnpublishedStep } from '../executions/sql/list-unpublished-steps.ts';
import { startTasks, type NewTask } from '../executions/sql/start-tasks.ts';

interface Waiting {
  readonly task: NewTask;
  readonly answer: PromiseWithResolvers<Scheduled>;
}

const batchSize = 500;

/**
 * Starts bare tasks, chains and executors that own nothing, outside any transaction of a caller's, on the engine's own pool: one statement, shared
 * by what is asked for in the same turn of the event loop. Nothing of it can be refused by what is in the ledger.
 */
export class TaskStarter {
  readonly #pool: LedgerPool;
  readonly #onReady: (steps: readonly UnpublishedStep[]) => void;
  #waiting: Waiting[] = [];

  /** @param onReady - Called after each statement with the steps that may be published. */
  constructor(pool: LedgerPool, onReady: (steps: readonly UnpublishedStep[]) => void) {
    this.#pool = pool;
    this.#onReady = onReady;
  }

  async start(task: NewTask): Promise<Scheduled> {
    const answer = Promise.withResolvers<Scheduled>();
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ task, answer });
    return answer.promise;
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += batchSize) {
      this.#startAll(waiting.slice(from, from + batchSize)).catch(() => undefined);
    }
  }

  /** Settles every request that it is given. */
  async #startAll(batch: readonly Waiting[]): Promise<void> {
    try {
      const tasks = batch.map(({ task }) => task);
      this.#onReady(await startTasks(this.#pool, tasks));
      for (const { task, answer } of batch) answer.resolve({ executionId: task.execution.id, created: true });
    } catch (error) {
      // What the database refuses in one of them must not fail the others. They have their ids already.
      if (batch.length > 1 && !isConnectionError(error)) await Promise.all(batch.map((one) => this.#startAll([one])));
      else for (const { answer } of batch) answer.reject(error);
    }
  }
}
