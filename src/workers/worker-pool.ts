import { hostname } from 'node:os';
import { atMost } from '../core/at-most.ts';
import { newId } from '../core/ids.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import { insertWorker } from '../executions/sql/insert-worker.ts';
import { postponeStep } from '../executions/sql/postpone-step.ts';
import { updateWorker } from '../executions/sql/update-worker.ts';
import type { Broker } from '../queues/broker.ts';
import { parseNewerJob, parseStepJob } from '../queues/job.ts';
import type { JobWorker } from '../queues/job-worker.ts';
import { ActiveClaims } from './active-claims.ts';
import { Heartbeat } from './heartbeat.ts';
import { StepRunner, type StepRunnerOptions } from './step-runner.ts';
import type { Timing } from './worker-options.ts';

export interface WorkerPoolOptions extends Omit<
  StepRunnerOptions,
  'claims' | 'workerId' | 'leaseMs' | 'cancelGraceMs' | 'maxCrashes' | 'isDraining' | 'loneFrom'
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

/** By when a stopping pool goes on to its next stage. */
export interface StopStages {
  /** How long running steps are waited for. */
  readonly drainMs: number;
  /** How long they have after that, once their signal was aborted, to end and go back. */
  readonly stopGraceMs: number;
}

/** A broker that is away does not keep a worker from stopping: what it has not been told, the ledger knows. */
const brokerAnswerMs = 5_000;
/** How long what was killed is given to be written as released. */
const killedMs = 2_000;
/** After which a step goes out again whose job this build cannot read. */
const newerDelayMs = 1_000;

/**
 * Serves chosen queues until it is stopped.
 *
 * A stop has three stages. It finishes what runs and takes nothing new; steps that agreed to be interrupted go back at
 * once. After the drain time the signals of all others are aborted: who ends by that goes back too, is taken up elsewhere at
 * once, and his attempt is not counted. What still runs after the grace is killed and goes back too where it has a thread or
 * a process of its own, else it is left to its lease.
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
  #finished = 0;
  #started: Promise<void> | undefined;
  #stopped: Promise<number> | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ worker: this.id });
    const shared = { ...options, claims: this.#claims, workerId: this.id, logger: this.#logger };
    this.#runner = new StepRunner({
      ...shared,
      onFinished: (answer, step) => {
        this.#finished += 1;
        options.onFinished(answer, step);
      },
      leaseMs: options.timing.leaseMs,
      cancelGraceMs: options.timing.cancelGraceMs,
      maxCrashes: options.timing.maxCrashes,
      // Its last chance before it is given up.
      loneFrom: Math.max(1, options.timing.maxCrashes - 1),
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

  /** How many attempts of steps have ended in this pool. */
  get finished(): number {
    return this.#finished;
  }

  /** Whether it takes jobs: it has begun, and was not told to stop. */
  get isServing(): boolean {
    return this.#state === 'ready' && this.#workers.length > 0;
  }

  /** Aborts the steps of an execution that was canceled in this process. */
  cancel(executionId: string): void {
    this.#claims.cancel(executionId);
  }

  async start(): Promise<void> {
    this.#started = this.#start();
    await this.#started;
  }

  /** @returns How many steps were left running. */
  async stop(stages: StopStages): Promise<number> {
    this.#stopped ??= this.#stop(stages);
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

  async #stop({ drainMs, stopGraceMs }: StopStages): Promise<number> {
    const { pool } = this.#options;
    this.#state = 'draining';
    await this.#started?.catch(() => undefined);
    this.#logger.info({ event: 'worker.drain', running: this.running }, `worker stops; ${this.running} steps run`);
    await atMost(Promise.allSettled(this.#workers.map((worker) => worker.pause())), brokerAnswerMs);
    for (const claim of this.#claims.list()) if (claim.step.policy.interruptible) claim.abort('shutdown');
    await Promise.race([this.#idle(), deadline(drainMs)]);
    if (this.running > 0) {
      for (const claim of this.#claims.list()) claim.abort('shutdown');
      await Promise.race([this.#idle(), deadline(stopGraceMs)]);
    }
    await this.#killIsolated();
    const left = this.running;
    await atMost(Promise.allSettled(this.#workers.map((worker) => worker.close(this.#jobs.size > 0))), brokerAnswerMs);
    await this.#heartbeat.stop();
    await updateWorker(pool, { id: this.id, state: 'stopped', running: left }).catch(() => undefined);
    const text =
      left === 0 ? 'worker stopped' : `worker stopped; ${left} steps go on elsewhere when their lease is over`;
    this.#logger.info({ event: 'worker.stopped', left }, text);
    return left;
  }

  /** What has a thread or a process of its own need not be left to its lease. */
  async #killIsolated(): Promise<void> {
    const rules = this.#options.isolation?.rules;
    const isolated = this.#claims.list().filter(({ step }) => rules?.isIsolated(step) === true);
    if (isolated.length === 0) return;
    for (const claim of isolated) claim.end();
    const until = performance.now() + killedMs;
    while (isolated.some((claim) => this.#claims.has(claim)) && performance.now() < until) await deadline(20);
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

  async #process(queue: string, data: unknown): Promise<void> {
    const job = parseStepJob(data, this.#options.engineId);
    if (job === undefined) return this.#leave(queue, data);
    try {
      await this.#runner.run(job);
    } catch (error) {
      const stored = storeError(error, 'LEDGER_UNAVAILABLE');
      const fields = { event: 'job.failed', queue, execution: job.execution, step: job.position, err: stored };
      this.#logger.error(fields, `a job came to nothing; its step is sent again: ${stored.message}`);
      throw error;
    }
  }

  /** A job that this build cannot read. One of a newer build goes out again, for a worker that may be newer too. */
  async #leave(queue: string, data: unknown): Promise<void> {
    const { engineId, pool } = this.#options;
    const newer = parseNewerJob(data, engineId);
    if (newer === undefined) {
      const text = `queue ${queue} held a job that is not of this engine; dropped`;
      return this.#logger.warn({ event: 'job.foreign', queue }, text);
    }
    const { execution, position, delivery } = newer;
    const fields = { event: 'job.newer', queue, execution, step: position };
    this.#logger.warn(fields, `queue ${queue} held a job of a newer build; its step is left to a newer worker`);
    await postponeStep(pool, { executionId: execution, position, delivery }, newerDelayMs);
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
