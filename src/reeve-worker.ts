import type { Loop } from './core/loop.ts';
import { problemsError } from './core/errors.ts';
import type { Logger } from './core/logging.ts';
import { didYouMean } from './core/nearest-name.ts';
import type { FinishAnswer } from './executions/finish-step.ts';
import type { SharedLook } from './executions/shared-look.ts';
import type { ExecutionScheduler } from './executors/execution-scheduler.ts';
import { Reconciler } from './queues/reconciler.ts';
import type { Relay } from './queues/relay.ts';
import type { ClaimedStep } from './executions/claimed-step.ts';
import { endingLoop } from './workers/ending-loop.ts';
import { runnerParts } from './reeve-runner.ts';
import { dueLoop } from './workers/due-loop.ts';
import { LoneGate } from './workers/lone-gate.ts';
import { Reaper } from './workers/reaper.ts';
import { WorkerPool, type WorkerPoolOptions } from './workers/worker-pool.ts';
import type { Starts } from './reeve-starts.ts';
import { makeIsolation, refuseWhenIsolated, warmIsolation, type LoadedFrom } from './reeve-isolation.ts';
import type { Isolation } from './workers/run-isolated.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import { packageVersion } from './core/package-version.ts';

/** One started worker of a process. */
export interface WorkerHandle {
  readonly id: string;
  /** How many steps it runs now. */
  readonly running: number;
  /** How many attempts of steps have ended in it. */
  readonly finished: number;
  /** Finishes what runs, for as long as the drain time allows, and takes nothing new; answers how many steps are left. */
  stop(): Promise<number>;
}

/** Which queues a worker serves; a number is its concurrency. Without queues: all, as configured. */
export interface StartWorkerOptions {
  readonly queues?: readonly string[] | Readonly<Record<string, number>>;
  /** For queues that are given by name alone. */
  readonly concurrency?: number;
  /** Where threads and processes find this Reeve again, unless `isolation.module` says it. */
  readonly loadedFrom?: LoadedFrom;
}

export interface WorkerServiceOptions extends Omit<
  WorkerPoolOptions,
  | 'queues'
  | 'timing'
  | 'version'
  | 'limits'
  | 'functions'
  | 'children'
  | 'onFinished'
  | 'startAll'
  | 'groupLimit'
  | 'continuation'
  | 'gate'
  | 'isolation'
> {
  readonly relay: Relay;
  readonly look: SharedLook;
  readonly scheduler: ExecutionScheduler;
  readonly starts: Starts;
  readonly options: ResolvedOptions;
  readonly logger: Logger;
  readonly onEnded: (executionId: string) => void;
  /** Cancels a child whose parent has failed. */
  readonly cancel: (executionId: string) => Promise<void>;
}

/**
 * The workers of one process, with the loops that heal: relay, due loop, reaper and reconciler start with the first
 * worker and stop when Reeve is closed. Every worker process has them, so there is no single one to lose.
 */
export class WorkerService {
  readonly #options: WorkerServiceOptions;
  readonly #due: Loop;
  readonly #reaper: Reaper;
  readonly #endings: Loop;
  readonly #reconciler: Reconciler;
  readonly #gate = new LoneGate();
  #isolation: Isolation | undefined;
  readonly #pools = new Set<WorkerPool>();

  constructor(options: WorkerServiceOptions) {
    this.#options = options;
    const { pool, look, writes, broker, logger } = options;
    const { timing, queues } = options.options;
    const nudge = (): void => options.relay.nudge();
    this.#due = dueLoop({ pool, look, logger, intervalMs: timing.dueMs, nudge });
    this.#reaper = new Reaper({
      pool,
      writes,
      logger,
      intervalMs: timing.reaperMs,
      leaseMs: timing.leaseMs,
      maxCrashes: timing.maxCrashes,
      nudge: () => this.#due.wake(),
    });
    this.#endings = endingLoop({
      pool,
      look,
      writes,
      logger,
      intervalMs: timing.reaperMs,
      cancel: (id) => options.cancel(id),
      onEnded: options.onEnded,
    });
    this.#reconciler = new Reconciler({
      connection: pool,
      broker,
      queues: Object.keys(queues),
      logger,
      intervalMs: timing.reconcilerMs,
      graceMs: timing.graceMs,
      nudge,
    });
  }

  /**
   * @throws CONFIGURATION_INVALID for a queue that is not configured or a concurrency out of range; ISOLATION_UNAVAILABLE
   * where steps of its queues are isolated and the app cannot be imported again.
   */
  async start(wanted: StartWorkerOptions): Promise<WorkerHandle> {
    const { options, relay } = this.#options;
    refuseWhenIsolated('a worker');
    const queues = chosenQueues(wanted, options.queues);
    this.#isolation ??= makeIsolation(options, this.#options.tasks, this.#options.logger, wanted.loadedFrom);
    await warmIsolation(this.#isolation, Object.keys(queues));
    const pool = new WorkerPool({
      ...this.#options,
      ...runnerParts(this.#options, options),
      queues,
      timing: options.timing,
      groupLimit: options.groupLimit,
      continuation: options.continuation,
      gate: this.#gate,
      isolation: this.#isolation,
      version: packageVersion(),
      onFinished: (answer, step) => this.#finished(answer, step),
    });
    this.#pools.add(pool);
    relay.start();
    this.#due.start();
    this.#reaper.start();
    this.#endings.start();
    this.#reconciler.start();
    await pool.start();
    return {
      id: pool.id,
      get running() {
        return pool.running;
      },
      get finished() {
        return pool.finished;
      },
      stop: () => this.#stopPool(pool),
    };
  }

  /** Whether one of them takes work. */
  get isServing(): boolean {
    return [...this.#pools].some((pool) => pool.isServing);
  }

  /** Tells the running steps of an execution at once that it was canceled; other processes learn by heartbeat. */
  cancel(executionId: string): void {
    for (const pool of this.#pools) pool.cancel(executionId);
  }

  /** Looks at what is due, and at what is ending, now. */
  wake(): void {
    this.#due.wake();
    this.#endings.wake();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#pools].map((pool) => this.#stopPool(pool)));
    await this.#isolation?.pool.close();
    await Promise.all([this.#due.stop(), this.#reaper.stop(), this.#endings.stop(), this.#reconciler.stop()]);
  }

  async #stopPool(pool: WorkerPool): Promise<number> {
    const left = await pool.stop(this.#options.options);
    this.#pools.delete(pool);
    return left;
  }

  #finished(answer: FinishAnswer, { executionId, parentId }: ClaimedStep): void {
    if (answer.kind !== 'finished') return;
    if (answer.ending === true || (parentId !== null && answer.executionEnded !== undefined)) this.#endings.wake();
    if (answer.ready.length > 0 || answer.waits === true) this.#options.relay.nudge();
    if (['retry', 'again', 'crashed', 'released'].includes(answer.outcome.kind)) this.#due.wake();
    else if (answer.ready.length === 0 && answer.executionEnded === undefined && answer.dueLater !== false)
      this.#due.wake();
    if (answer.executionEnded === undefined) return;
    if (parentId !== null) this.#due.wake();
    this.#options.onEnded(executionId);
  }
}

function chosenQueues(
  wanted: StartWorkerOptions,
  configured: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = wanted.queues === undefined ? Object.keys(configured) : undefined;
  const given = names ?? wanted.queues ?? [];
  const chosen: Record<string, number> = {};
  if (isList(given)) for (const name of given) chosen[name] = wanted.concurrency ?? configured[name] ?? 1;
  else Object.assign(chosen, given);
  const problems = Object.entries(chosen).flatMap(([name, concurrency]) => [
    ...(Object.hasOwn(configured, name)
      ? []
      : [`queue "${name}" is not configured${didYouMean(name, Object.keys(configured))}`]),
    ...(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 1_000
      ? []
      : [`queue "${name}" has concurrency ${concurrency}; use 1 to 1000`]),
  ]);
  if (Object.keys(chosen).length === 0) problems.push('no queue is named');
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The worker cannot start', problems);
  return chosen;
}

function isList(value: readonly string[] | Readonly<Record<string, number>>): value is readonly string[] {
  return Array.isArray(value);
}
