import { cancelExecution, type CancelAnswer } from './executions/cancel-execution.ts';
import { retryExecution, skipStep, type RetryAnswer } from './executions/retry-execution.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import type { OperatorOptions } from './executions/operator.ts';
import { pauseExecution, resumeExecution } from './executions/pause-execution.ts';
import { pauseQueue, resumeQueue, type QueuePause } from './executions/pause-queue.ts';
import type { ResourceWrites } from './executions/resource-writes.ts';
import { settleExecution } from './executions/settle-execution.ts';
import { listLiveChildren } from './executions/sql/list-live-children.ts';
import { isEnded } from './executions/states.ts';

export interface ControlOptions {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  /** Tells the running steps of this process. */
  readonly onCanceled: (executionId: string) => void;
  readonly onEnded: (executionId: string) => void;
  /** Publishes what has become ready, and looks at what is due. */
  readonly nudge: () => void;
}

/** What an operator may do with executions and queues: the ledger first, then this process hears of it at once. */
export class Control {
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** Its children that have not ended are canceled with it, and it ends after them. */
  async cancel(executionId: string, options: OperatorOptions): Promise<CancelAnswer> {
    const { pool, writes } = this.#options;
    const answer = await cancelExecution(pool, writes, executionId, options);
    this.tell(executionId, answer);
    const children = await listLiveChildren(pool, executionId);
    for (const child of children) await this.cancel(child, options);
    if (children.length === 0 || !(await settleExecution(pool, writes, executionId))) return answer;
    this.#options.onEnded(executionId);
    return { state: answer.state === 'canceling' ? 'canceled' : 'failed' };
  }

  /** Tells this process of a cancel that is committed. */
  tell(executionId: string, { state }: CancelAnswer): void {
    if (isEnded(state)) this.#options.onEnded(executionId);
    else this.#options.onCanceled(executionId);
  }

  async retry(executionId: string, options: OperatorOptions): Promise<RetryAnswer> {
    const { pool, writes } = this.#options;
    return this.#goesOn(executionId, await retryExecution(pool, writes, executionId, options));
  }

  async skip(executionId: string, position: number, options: OperatorOptions): Promise<RetryAnswer> {
    const { pool, writes } = this.#options;
    return this.#goesOn(executionId, await skipStep(pool, writes, { executionId, position }, options));
  }

  async pause(executionId: string, options: OperatorOptions): Promise<{ readonly state: 'paused' }> {
    return pauseExecution(this.#options.pool, executionId, options);
  }

  async resume(executionId: string, options: OperatorOptions): Promise<{ readonly state: 'running' }> {
    const answer = await resumeExecution(this.#options.pool, executionId, options);
    this.#options.nudge();
    return answer;
  }

  async pauseQueue(queue: string, options: OperatorOptions): Promise<QueuePause> {
    return pauseQueue(this.#options.pool, queue, options);
  }

  async resumeQueue(queue: string, options: OperatorOptions): Promise<QueuePause> {
    const answer = await resumeQueue(this.#options.pool, queue, options);
    this.#options.nudge();
    return answer;
  }

  #goesOn(executionId: string, answer: RetryAnswer): RetryAnswer {
    if (answer.state === 'running') this.#options.nudge();
    else this.#options.onEnded(executionId);
    return answer;
  }
}
