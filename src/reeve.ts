import { EventEmitter } from 'node:events';
import type { EntityManager } from 'typeorm';
import { Schedules } from './beat/schedules.ts';
import { durationMs, type Duration } from './core/duration.ts';
import { ReeveError } from './core/errors.ts';
import { isUuid } from './core/ids.ts';
import type { QueueName } from './core/queue-names.ts';
import { createLogger, type Logger } from './core/logging.ts';
import {
  awaitExecution,
  getExecution,
  watchExecution,
  type ExecutionChange,
  type ExecutionOutcome,
} from './executions/await-execution.ts';
import { explainExecution, explainResource, type Explanation } from './executions/explain.ts';
import type { Violation } from './executions/invariant-check.ts';
import { checkInvariants } from './executions/invariants.ts';
import { poolConfigOf, wholeTables } from './executions/ledger-pool.ts';
import { migrateLedger } from './executions/migrate-ledger.ts';
import {
  listExecutions,
  listSteps,
  type ExecutionFilter,
  type ExecutionView,
  type StepView,
} from './executions/read-executions.ts';
import type { CancelAnswer } from './executions/cancel-execution.ts';
import type { QueuePause } from './executions/pause-queue.ts';
import type { RetryAnswer } from './executions/retry-execution.ts';
import type { OperatorOptions } from './executions/operator.ts';
import type { Scheduled } from './executions/schedule-execution.ts';
import { listLeaks, type Leak } from './executions/sql/list-leaks.ts';
import { listMarks, type MarkFilter, type ResourceMark } from './executions/sql/list-marks.ts';
import { resolveLeak } from './executions/sql/resolve-leak.ts';
import { listOperations, type OperationView } from './executions/sql/list-operations.ts';
import { migrateBroker } from './queues/broker.ts';
import { BeatRunner, type BeatHandle } from './reeve-beat.ts';
import { CommitNudge } from './reeve-commit-nudge.ts';
import type { Execute, ExecuteIn, ExecuteInline } from './reeve-execute.ts';
import { inlineTimeoutMs, runInline } from './reeve-inline.ts';
import { startProbes, type ProbeHandle, type ProbeOptions } from './reeve-probes.ts';
import { parseOptions, type ReeveOptions, type ResolvedOptions } from './reeve-options.ts';
import { ledgerError } from './reeve-ledger.ts';
import { readStatus, type ReeveStatus } from './executions/read-status.ts';
import { makeEngine, type Engine } from './reeve-engine.ts';
import { cancelChild } from './reeve-runner.ts';
import { Throttles } from './reeve-throttles.ts';
import { WorkerService, type StartWorkerOptions, type WorkerHandle } from './reeve-worker.ts';
import { VerbWorld } from './reeve-world.ts';

/** An execution with its steps, and what operators did with it. */
export interface ExecutionDetails extends ExecutionView {
  readonly steps: readonly StepView[];
  readonly operations: readonly OperationView[];
}

/**
 * The engine of one application: starts executions, runs workers, tells what happened. Made by {@link defineReeve};
 * connects on first use, and must be closed.
 */
export class Reeve implements Execute, ExecuteInline {
  readonly options: ResolvedOptions;
  readonly #logger: Logger;
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #nudges = new CommitNudge(() => this.#started?.relay.nudge());
  #engine: Promise<Engine> | undefined;
  #started: Engine | undefined;
  #workers: WorkerService | undefined;
  readonly #beats = new BeatRunner();
  readonly #probes: ProbeHandle[] = [];
  #closed: Promise<void> | undefined;

  readonly execute: Execute['execute'];
  readonly executeInline: ExecuteInline['executeInline'];
  /** Throttles at run time: list, set, reset. */
  readonly throttles: Throttles;
  /** Schedules at run time: list, create, edit, pause, explain … */
  readonly schedules: Schedules;
  /** The world that verbs live in; needs the option `verbs`. */
  readonly world: VerbWorld;

  constructor(options: ReeveOptions) {
    this.options = parseOptions(options);
    this.#logger = this.options.logger ?? createLogger(this.options.logLevel);
    this.throttles = new Throttles(() => this.#connect());
    this.schedules = new Schedules(async () => ({ ...(await this.#connect()), changed: () => this.#beats.wake() }));
    this.world = new VerbWorld(this, async () => (await this.#connect()).verbs, this.#result.bind(this, true));
    this.execute = (target: unknown, ...rest: unknown[]) => this.#executeAlone(target, rest);
    this.executeInline = async (target: unknown, ...rest: unknown[]) => {
      const engine = await this.#connect();
      const { executionId } = await this.#executeAlone(target, rest);
      return runInline(engine, this.options, this.#logger, { executionId, timeoutMs: inlineTimeoutMs });
    };
  }

  /**
   * The same words inside a transaction of the caller's: what is started is there exactly if the caller commits, and
   * begins right after the commit. Works wherever an EntityManager in a transaction is at hand, a TypeORM subscriber's
   * `event.manager` included.
   */
  in(manager: EntityManager): ExecuteIn {
    return {
      execute: async (target: unknown, ...rest: unknown[]) => (await this.#connect()).starts.in(manager, target, rest),
      executeMany: async (target: unknown, many: unknown) =>
        (await this.#connect()).starts.manyIn(manager, target, many),
    };
  }

  /** Brings the tables of Reeve, and of BullMQ where PostgreSQL is the broker, up to date; answers what was run. */
  async migrate(): Promise<string[]> {
    const config = poolConfigOf(this.options.dataSource);
    const done = await migrateLedger(config, this.options.schema).catch((error: unknown) => {
      throw ledgerError(error);
    });
    if (this.options.redis === undefined) await migrateBroker(config, this.options.brokerSchema);
    return done;
  }

  /** Connects and checks that the tables and the entities fit. Every other call does it by itself. */
  async ready(): Promise<void> {
    await this.#connect();
  }

  /** Serves queues in this process until the handle is stopped or Reeve is closed. */
  async startWorker(options: StartWorkerOptions = {}): Promise<WorkerHandle> {
    const engine = await this.#connect();
    const served = await this.world.servedQueues(options, engine.verbs);
    this.#workers ??= new WorkerService({
      ...engine,
      engineId: engine.id,
      options: this.options,
      logger: this.#logger,
      onEnded: (executionId) => this.#ended(executionId),
      cancel: (executionId) => cancelChild(engine, executionId),
    });
    engine.recovery.start();
    return this.#workers.start(served);
  }

  /**
   * Fires schedules in this process until the handle is stopped or Reeve is closed. Any number of processes may: each
   * due time gets one verdict and at most one execution.
   */
  async startBeat(): Promise<BeatHandle> {
    const engine = await this.#connect();
    engine.relay.start();
    engine.recovery.start();
    return this.#beats.start({ ...engine, logger: this.#logger });
  }

  /**
   * Answers `/livez`, `/readyz` and `/metrics` of this process, from a thread of its own, until the handle is stopped or
   * Reeve is closed.
   *
   * @throws PROBES_UNAVAILABLE when the port cannot be listened on.
   */
  async startProbes(options: ProbeOptions): Promise<ProbeHandle> {
    if (this.#closed !== undefined) throw new ReeveError('REEVE_CLOSED', 'this Reeve was closed');
    const probes = await startProbes(options, {
      logger: this.#logger,
      leaseMs: this.options.timing.leaseMs,
      isServing: () => this.#beats.isServing || this.#workers?.isServing === true,
      status: () => this.status(),
    });
    this.#probes.push(probes);
    return probes;
  }

  /**
   * Waits until an execution has ended, and tells how; a failure is an answer, not an exception.
   *
   * @throws EXECUTION_NOT_FOUND, or RESULT_TIMEOUT after `timeout` (default `1m`); the execution goes on then.
   */
  async result(executionId: string, options: { readonly timeout?: Duration } = {}): Promise<ExecutionOutcome> {
    return this.#result(false, executionId, options.timeout ?? '1m');
  }

  async #result(isNew: boolean, executionId: string, timeout: Duration): Promise<ExecutionOutcome> {
    const { pool, looks } = await this.#connect();
    return awaitExecution(pool, executionId, {
      looks,
      isNew,
      timeoutMs: durationMs(timeout, 'timeout'),
      pause: (ms) => this.#pause(executionId, ms),
    });
  }

  /** The changes of an execution and its steps, as they come, until its end. */
  async *watch(executionId: string): AsyncGenerator<ExecutionChange, void, undefined> {
    const { pool } = await this.#connect();
    yield* watchExecution(pool, executionId, (ms) => this.#pause(executionId, ms));
  }

  /** @throws EXECUTION_NOT_FOUND */
  async execution(executionId: string): Promise<ExecutionDetails> {
    const { pool } = await this.#connect();
    const execution = await getExecution(pool, executionId);
    const steps = await listSteps(pool, executionId);
    return { ...execution, steps, operations: await listOperations(pool, executionId) };
  }

  /** The newest executions first. */
  async executions(filter: ExecutionFilter = {}): Promise<ExecutionView[]> {
    const { pool } = await this.#connect();
    return listExecutions(pool, filter);
  }

  /**
   * Cancels an execution for good: what has not started never does; steps that run get their signal aborted, and are
   * over after `timing.cancelGrace`, whatever their code does. The answer is `canceled`, `canceling` while steps still
   * run, or the state of an execution that had ended, or begun to fail, before. Its resources end `erred`.
   *
   * @throws EXECUTION_NOT_FOUND
   */
  async cancel(executionId: string, options: OperatorOptions = {}): Promise<CancelAnswer> {
    const { control } = await this.#connect();
    return control.cancel(executionId, options);
  }

  /**
   * A failed or canceled execution goes on at the steps that have not succeeded, with fresh attempts; its resources are
   * taken again. `succeeded` or `failed` is the answer where nothing was left to do.
   *
   * @throws EXECUTION_NOT_FOUND, EXECUTION_STATE; RESOURCE_BUSY, with nothing changed, when a resource has moved on.
   */
  async retry(executionId: string, options: OperatorOptions = {}): Promise<RetryAnswer> {
    const { control } = await this.#connect();
    return control.retry(executionId, options);
  }

  /**
   * Marks a failed step as skipped, and goes on behind it as {@link Reeve.retry} does. Its result is missing then: a
   * later step that needs it fails. `position` counts from 0, as in `StepView`.
   *
   * @throws as retry does, and INPUT_INVALID without a reason.
   */
  async skip(
    executionId: string,
    position: number,
    options: OperatorOptions & { readonly reason: string },
  ): Promise<RetryAnswer> {
    const { control } = await this.#connect();
    return control.skip(executionId, position, options);
  }

  /**
   * Nothing more of an execution is claimed until it is resumed: running steps end, what is due waits.
   *
   * @throws EXECUTION_NOT_FOUND; EXECUTION_STATE for one that fails, is being canceled or has ended.
   */
  async pause(executionId: string, options: OperatorOptions = {}): Promise<{ readonly state: 'paused' }> {
    const { control } = await this.#connect();
    return control.pause(executionId, options);
  }

  /** @throws EXECUTION_NOT_FOUND; EXECUTION_STATE for one that is neither paused nor running. */
  async resume(executionId: string, options: OperatorOptions = {}): Promise<{ readonly state: 'running' }> {
    const { control } = await this.#connect();
    return control.resume(executionId, options);
  }

  /**
   * Nothing more of a queue is claimed, by any worker, until it is resumed. The pause is kept in the ledger.
   *
   * @throws QUEUE_UNKNOWN
   */
  async pauseQueue(name: QueueName, options: OperatorOptions = {}): Promise<QueuePause> {
    const { control } = await this.#connect();
    return control.pauseQueue(name, options);
  }

  /** Publishes again everything that is ready in the queue. @throws QUEUE_UNKNOWN */
  async resumeQueue(name: QueueName, options: OperatorOptions = {}): Promise<QueuePause> {
    const { control } = await this.#connect();
    return control.resumeQueue(name, options);
  }

  /**
   * What an execution, or a resource as `type/id`, waits for: the chain of causes, each with evidence.
   *
   * @throws EXECUTION_NOT_FOUND, RESOURCE_UNKNOWN, RESOURCE_NOT_FOUND
   */
  async why(target: string): Promise<Explanation> {
    const { pool, writes } = await this.#connect();
    const [type = '', ...id] = target.split('/');
    if (id.length === 0) return explainExecution(pool, writes, target);
    return explainResource(pool, writes, { type, id: id.join('/') });
  }

  /** Queues with their depth, and the workers that live. */
  async status(): Promise<ReeveStatus> {
    const { pool } = await this.#connect();
    return readStatus(pool, Object.keys(this.options.queues));
  }

  /** What forced deletions may have left in outside systems; only what is not resolved yet unless told otherwise. */
  async leaks(options: { readonly resolved?: boolean } = {}): Promise<Leak[]> {
    const { pool } = await this.#connect();
    return listLeaks(pool, { resolved: options.resolved ?? false });
  }

  /** @throws LEAK_NOT_FOUND when there is no open leak of that id. */
  async resolveLeak(id: string, options: { readonly by: string; readonly note?: string }): Promise<void> {
    const { pool } = await this.#connect();
    const resolved = isUuid(id) && (await resolveLeak(pool, { id, by: options.by, note: options.note ?? null }));
    if (!resolved) throw new ReeveError('LEAK_NOT_FOUND', `there is no open leak ${id}`, { details: { id } });
  }

  /** The resources whose pulls fail, the newest failure first. */
  async marks(filter: MarkFilter = {}): Promise<ResourceMark[]> {
    const { pool } = await this.#connect();
    return listMarks(pool, filter);
  }

  /** Every row that breaks a rule of the ledger; an empty list is the only good answer. Harmless at any time. */
  async checkInvariants(): Promise<Violation[]> {
    const { pool, resources } = await this.#connect();
    return checkInvariants(wholeTables(pool), resources.checks());
  }

  /** Stops the workers, then everything else; the application's DataSource stays open. May be called again. */
  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await this.#beats.stop();
    await this.#workers?.stop();
    await Promise.all(this.#probes.map((probes) => probes.stop()));
    this.#nudges.stop();
    if (engine === undefined) return;
    await engine.recovery.stop();
    await engine.verbs?.close();
    await engine.relay.stop();
    await engine.broker.close();
    await engine.heartbeatPool.close();
    await engine.pool.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #executeAlone(target: unknown, rest: readonly unknown[]): Promise<Scheduled> {
    const { starts } = await this.#connect();
    return starts.alone(target, rest);
  }

  async #connect(): Promise<Engine> {
    if (this.#closed !== undefined) throw new ReeveError('REEVE_CLOSED', 'this Reeve was closed');
    this.#engine ??= this.#makeEngine().catch((error: unknown) => {
      this.#engine = undefined;
      throw ledgerError(error);
    });
    return this.#engine;
  }

  async #makeEngine(): Promise<Engine> {
    this.#started = await makeEngine(this.options, this.#logger, {
      nudges: this.#nudges,
      onCanceled: (executionId) => this.#workers?.cancel(executionId),
      onEnded: (executionId) => this.#ended(executionId),
      onDue: () => this.#workers?.wake(),
    });
    return this.#started;
  }

  #ended(executionId: string): void {
    this.#events.emit(executionId);
    this.#started?.recovery.wake();
  }

  /** Waits, but not longer than until this process knows that the execution has changed. */
  async #pause(executionId: string, ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#events.off(executionId, done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, Math.round(ms)));
      this.#events.once(executionId, done);
    });
  }
}

/**
 * Puts an application's executors, tasks and queues together. Nothing is connected yet.
 *
 * @throws CONFIGURATION_INVALID with all problems at once.
 */
export function defineReeve(options: ReeveOptions): Reeve {
  return new Reeve(options);
}
