import { hostname } from 'node:os';
import { atMost } from '../core/at-most.ts';
import { newId } from '../core/ids.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import { postponeStep } from '../executions/sql/postpone-step.ts';
import { insertWorker } from '../executions/sql/insert-worker.ts';
import { updateWorker } from '../executions/sql/update-worker.ts';
import type { Broker } from '../queues/broker.ts';
import { parseStepJob, type StepJob } from '../queues/job.ts';
import type { JobWorker } from '../queues/job-worker.ts';
import { ActiveClaims } from './active-claims.ts';
import { Heartbeat } from './heartbeat.ts';
import { StepRunner, type StepRunnerOptions } from './step-runner.ts';
import type { Timing } from './worker-options.ts';

export interface WorkerPoolOptions extends Omit<
  StepRunnerOptions,
  'claims' | 'workerId' | 'leaseMs' | 'cancelGraceMs' | 'isDraining'
> {
  readonly broker: Broker;
  /** Apart from the pool of claims and completions: a heartbeat never waits behind them. */
  readonly heartbeatPool: LedgerPool;
  readonly engineId: string;
  readonly version: string;
  /** The queues that this pool serves, and no others, each with its concurrency. */
  readonly queues: Readonly<Record<string, number>>;
  readonly timing: Timing;
}

/** A broker that is away does not keep a worker from stopping: what it has not been told, the ledger knows. */
const brokerAnswerMs = 5_000;

/**
 * Serves chosen queues until it is stopped.
 *
 * A stop finishes what runs and takes nothing new. Steps that agreed to be interrupted go back at once, and their
 * attempt is not counted; after the drain time the others are left to their lease, so that another worker has them soon.
 */
export class WorkerPool {
  readonly id = newId();
  readonly #options: WorkerPoolOptions;
  readonly #claims = new ActiveClaims();
  readonly #heartbeat: Heartbeat;
  readonly #runner: StepRunner;
  readonly #logger: Logger;
  #workers: JobWorker[] = [];
  #state: 'ready' | 'draining' = 'ready';
  readonly #jobs = new Set<Promise<void>>();
  #started: Promise<void> | undefined;
  #stopped: Promise<number> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ worker: this.id });
    const shared = { ...options, claims: this.#claims, workerId: this.id, logger: this.#logger };
    this.#runner = new StepRunner({
      ...shared,
      leaseMs: options.timing.leaseMs,
      cancelGraceMs: options.timing.cancelGraceMs,
      isDraining: () => this.#state === 'draining',
    });
    this.#heartbeat = new Heartbeat({
      connection: options.heartbeatPool,
      claims: this.#claims,
      workerId: this.id,
      logger: this.#logger,
      intervalMs: options.timing.heartbeatMs,
      leaseMs: options.timing.leaseMs,
      state: () => this.#state,
    });
  }

  /** How many steps run in this pool now. */
  get running(): number {
    return this.#claims.size;
  }

  /** Aborts the steps of an execution that was canceled in this process. */
  cancel(executionId: string): void {
    this.#claims.cancel(executionId);
  }

  async start(): Promise<void> {
    this.#started = this.#start();
    await this.#started;
  }

  /**
   * @param drainMs - How long running steps are waited for.
   * @returns How many steps were left running.
   */
  async stop(drainMs: number): Promise<number> {
    this.#stopped ??= this.#stop(drainMs);
    return this.#stopped;
  }

  async #start(): Promise<void> {
    const { pool, queues, tasks, version, broker } = this.#options;
    await insertWorker(pool, {
      id: this.id,
      host: hostname(),
      pid: process.pid,
      queues,
      tasks: tasks.names(),
      version,
    });
    if (this.#state === 'draining') return;
    this.#heartbeat.start();
    this.#workers = Object.entries(queues).map(([name, concurrency]) =>
      broker.worker(name, async (job: { data: unknown }) => this.#track(this.#process(name, job.data)), {
        concurrency,
      }),
    );
    this.#logger.info({ event: 'worker.ready', queues }, `worker serves ${describeQueues(queues)}`);
  }

  async #stop(drainMs: number): Promise<number> {
    const { pool } = this.#options;
    this.#state = 'draining';
    await this.#started?.catch(() => undefined);
    this.#logger.info({ event: 'worker.drain', running: this.running }, `worker stops; ${this.running} steps run`);
    await atMost(Promise.allSettled(this.#workers.map((worker) => worker.pause())), brokerAnswerMs);
    for (const claim of this.#claims.list()) if (claim.step.policy.interruptible) claim.abort('shutdown');
    await Promise.race([this.#idle(), deadline(drainMs)]);
    const left = this.running;
    for (const claim of this.#claims.list()) claim.abort('shutdown');
    await atMost(Promise.allSettled(this.#workers.map((worker) => worker.close(this.#jobs.size > 0))), brokerAnswerMs);
    await this.#heartbeat.stop();
    await updateWorker(pool, { id: this.id, state: 'stopped', running: left }).catch(() => undefined);
    const text =
      left === 0 ? 'worker stopped' : `worker stopped; ${left} steps go on elsewhere when their lease is over`;
    this.#logger.info({ event: 'worker.stopped', left }, text);
    return left;
  }

  async #track(job: Promise<void>): Promise<void> {
    this.#jobs.add(job);
    try {
      await job;
    } finally {
      this.#jobs.delete(job);
    }
  }

  /** Resolves once no job is in work, those included that have not claimed their step yet. */
  async #idle(): Promise<void> {
    while (this.#jobs.size > 0) await Promise.allSettled(this.#jobs);
  }

  /** A job that comes while the worker stops goes out again as a new delivery, for another worker. */
  async #giveBack(job: StepJob): Promise<void> {
    const { execution: executionId, position, delivery } = job;
    await postponeStep(this.#options.pool, { executionId, position, delivery }, 0);
  }

  async #process(queue: string, data: unknown): Promise<void> {
    const job = parseStepJob(data, this.#options.engineId);
    if (job === undefined) {
      this.#logger.warn(
        { event: 'job.foreign', queue },
        `queue ${queue} held a job that is not of this engine; dropped`,
      );
      return;
    }
    try {
      if (this.#state === 'draining') await this.#giveBack(job);
      else await this.#runner.run(job);
    } catch (error) {
      const stored = storeError(error, 'LEDGER_UNAVAILABLE');
      const fields = { event: 'job.failed', queue, execution: job.execution, step: job.position, err: stored };
      this.#logger.error(fields, `a job came to nothing; its step is sent again: ${stored.message}`);
      throw error;
    }
  }
}

function describeQueues(queues: Readonly<Record<string, number>>): string {
  return Object.entries(queues)
    .map(([name, concurrency]) => `${name} ×${concurrency}`)
    .join(', ');
}

async function deadline(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
