import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { Connection } from '../executions/connection.ts';
import type { ReadyStep } from '../executions/sql/advance-steps.ts';
import { countExpectedJobs, listSuspectedSteps, unpublishSteps } from '../executions/sql/list-suspected-steps.ts';
import { listQueues, raiseEpoch, type QueueRow } from '../executions/sql/queue-rows.ts';
import type { Broker } from './broker.ts';
import { jobId } from './job.ts';

export interface ReconcilerOptions {
  readonly connection: Connection;
  readonly broker: Broker;
  readonly queues: readonly string[];
  readonly logger: Logger;
  readonly intervalMs: number;
  /** How long a published step is given before it is asked for. */
  readonly graceMs: number;
  /** Called when there is something to publish again. */
  readonly nudge: () => void;
}

/** A queue of the broker that nobody consumes: it holds one job for each queue, which tells its epoch. */
const epochQueue = 'reeve-epochs';
const suspectsPerRound = 200;

/**
 * Compares what the ledger has published with what the broker still knows.
 *
 * A wiped broker has lost its epoch marks: the queue's epoch is raised, which un-publishes all of its ready steps at
 * once without writing to them. A single lost job is suspected only when the broker holds fewer jobs than the ledger
 * expects; then the oldest published steps are asked for by job id, and those that are missing go out again under the
 * same id. A backlog, however long, costs no writes.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #loop: Loop;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'reconciler',
      logger: options.logger,
      intervalMs: options.intervalMs,
      round: async () => {
        await this.reconcile();
        return undefined;
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  /** One comparison of all queues. */
  async reconcile(): Promise<void> {
    const queues = await listQueues(this.#options.connection, this.#options.queues);
    for (const queue of queues) {
      if (await this.#isMarked(queue)) await this.#findLost(queue);
      else await this.#renewEpoch(queue);
    }
  }

  async #isMarked(queue: QueueRow): Promise<boolean> {
    const job = await this.#options.broker.queue(epochQueue).getJob(epochJobId(queue.name, queue.epoch));
    return job !== undefined && job !== null;
  }

  async #renewEpoch(queue: QueueRow): Promise<void> {
    const { connection, broker, logger, nudge } = this.#options;
    if (!(await raiseEpoch(connection, queue.name, queue.epoch))) return;
    const epoch = queue.epoch + 1;
    await broker
      .queue(epochQueue)
      .addBulk([{ name: 'epoch', data: { queue: queue.name, epoch }, opts: { jobId: epochJobId(queue.name, epoch) } }]);
    logger.info({ event: 'broker.epoch', queue: queue.name, epoch }, `queue ${queue.name} begins epoch ${epoch}`);
    nudge();
  }

  async #findLost(queue: QueueRow): Promise<void> {
    const { connection, broker, graceMs, logger, nudge } = this.#options;
    const expected = await countExpectedJobs(connection, queue.name, graceMs);
    if (expected.published === 0) return;
    const counts = await broker.queue(queue.name).getJobCounts();
    const held = Object.entries(counts).reduce(
      (sum, [state, count]) => sum + (endedJobStates.has(state) ? 0 : count),
      0,
    );
    if (held >= expected.published + expected.running) return;
    const suspects = await listSuspectedSteps(connection, { queue: queue.name, graceMs, limit: suspectsPerRound });
    const lost: ReadyStep[] = [];
    for (const step of suspects) {
      const job = await broker.queue(queue.name).getJob(jobId(step));
      if (job === undefined || job === null) lost.push(step);
    }
    if (lost.length === 0) return;
    await unpublishSteps(connection, lost);
    logger.warn(
      { event: 'broker.lost', queue: queue.name, lost: lost.length },
      `the broker has lost ${lost.length} jobs of queue ${queue.name}; they are sent again`,
    );
    nudge();
  }
}

const endedJobStates = new Set(['completed', 'failed']);

function epochJobId(queue: string, epoch: number): string {
  return `e_${queue}_${epoch}`;
}
