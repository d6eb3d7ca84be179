import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import { epochsBegun, jobsRestored } from '../core/metrics.ts';
import type { Connection } from '../executions/connection.ts';
import { listSuspectedSteps, type SuspectedStep } from '../executions/sql/list-suspected-steps.ts';
import { postponeStep } from '../executions/sql/postpone-step.ts';
import { unpublishSteps } from '../executions/sql/unpublish-steps.ts';
import { listQueues, type QueueRow } from '../executions/sql/list-queues.ts';
import { raiseEpoch } from '../executions/sql/raise-epoch.ts';
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
const suspectsPerRound = 100;

/**
 * Compares what the ledger has published with what the broker still knows.
 *
 * A wiped broker has lost its epoch marks: the queue's epoch is raised, which un-publishes all of its ready steps at
 * once without writing to them. For single lost jobs, up to two hundred published steps of a queue that nobody has claimed
 * for the grace time are asked for in each round, the oldest always and the others in turn; those whose job is missing
 * go out again under the same id, and those whose job was taken by a worker that did not claim them as a new delivery.
 * A backlog, however long, costs bounded reads and no writes.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #loop: Loop;
  /** How far the turn through the published steps of a queue has come, by the time at which they became ready. */
  readonly #cursors = new Map<string, Date | null>();

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

  /** One comparison of all queues; a queue that fails does not keep the others from theirs. */
  async reconcile(): Promise<void> {
    const queues = await listQueues(this.#options.connection, this.#options.queues);
    const failures: unknown[] = [];
    for (const queue of queues) {
      try {
        if (!(await this.#isMarked(queue))) await this.#renewEpoch(queue);
        // The jobs of a paused queue are dropped when they come; its resume sends all of it again.
        else if (!queue.paused) await this.#findLost(queue);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  async #isMarked(queue: QueueRow): Promise<boolean> {
    return this.#options.broker.hasJob(epochQueue, epochJobId(queue.name, queue.epoch));
  }

  /** The mark of the new epoch comes before the epoch itself, so that a wipe between the two is seen. */
  async #renewEpoch(queue: QueueRow): Promise<void> {
    const { connection, broker, logger, nudge } = this.#options;
    const epoch = queue.epoch + 1;
    await broker.addJobs(epochQueue, [
      { name: 'epoch', data: { queue: queue.name, epoch }, opts: { jobId: epochJobId(queue.name, epoch) } },
    ]);
    if (!(await raiseEpoch(connection, queue.name, queue.epoch))) return;
    epochsBegun.inc({ queue: queue.name });
    logger.info({ event: 'broker.epoch', queue: queue.name, epoch }, `queue ${queue.name} begins epoch ${epoch}`);
    nudge();
  }

  /** Asks for the oldest published steps, which are the next to be claimed, and for a share of all others in turn. */
  async #findLost(queue: QueueRow): Promise<void> {
    const { connection, broker, graceMs, logger, nudge } = this.#options;
    const params = { queue: queue.name, epoch: queue.epoch, graceMs, limit: suspectsPerRound };
    const oldest = await listSuspectedSteps(connection, { ...params, after: null });
    const cursor = this.#cursors.get(queue.name) ?? null;
    const others = cursor === null ? [] : await listSuspectedSteps(connection, { ...params, after: cursor });
    this.#cursors.set(queue.name, others.at(-1)?.readyAt ?? oldest.at(-1)?.readyAt ?? null);
    const lost: SuspectedStep[] = [];
    for (const step of [...oldest, ...others]) {
      const place = await broker.jobPlace(queue.name, jobId(step));
      if (place === 'missing') lost.push(step);
      // A worker has it and has not claimed the step: it died in between, or hangs. It goes out as a new delivery.
      else if (place === 'taken' && (await postponeStep(connection, step, 0))) {
        const fields = { event: 'broker.taken', queue: queue.name, execution: step.executionId, step: step.position };
        logger.warn(fields, 'a worker took a job and never claimed its step; the step is sent again');
      }
    }
    if (lost.length === 0) return;
    await unpublishSteps(connection, lost);
    jobsRestored.inc({ queue: queue.name }, lost.length);
    logger.warn(
      { event: 'broker.lost', queue: queue.name, lost: lost.length },
      `the broker has lost ${lost.length} jobs of queue ${queue.name}; they are sent again`,
    );
    nudge();
  }
}

function epochJobId(queue: string, epoch: number): string {
  return `e_${queue}_${epoch}`;
}
