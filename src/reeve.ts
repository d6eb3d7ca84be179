import { EventEmitter, once } from 'node:events';
import type { DataSource, EntityManager } from 'typeorm';
import type { Firing } from './beat/firing.ts';
import { Schedules } from './beat/schedules.ts';
import { Targets } from './beat/targets.ts';
import { durationMs, type Duration } from './core/duration.ts';
import { ReeveError } from './core/errors.ts';
import { createLogger, type Logger } from './core/logging.ts';
import { storeError } from './core/stored-error.ts';
import {
  awaitExecution,
  getExecution,
  watchExecution,
  type ExecutionChange,
  type ExecutionOutcome,
} from './executions/await-execution.ts';
import { checkInvariants, type Violation } from './executions/invariants.ts';
import { LedgerPool, poolConfigOf } from './executions/ledger-pool.ts';
import { migrateLedger, readEngineId } from './executions/migrate-ledger.ts';
import {
  listExecutions,
  listSteps,
  type ExecutionFilter,
  type ExecutionView,
  type StepView,
} from './executions/read-executions.ts';
import type { Scheduled } from './executions/schedule-execution.ts';
import { isConnectionError } from './executions/sql-state.ts';
import { ensureQueues } from './executions/sql/ensure-queues.ts';
import { ExecutionScheduler } from './executors/execution-scheduler.ts';
import { TaskRegistry } from './executors/task-registry.ts';
import { Broker, migrateBroker } from './queues/broker.ts';
import { Relay } from './queues/relay.ts';
import { ResourceRegistry } from './resources/resource-registry.ts';
import { ResourceStore } from './resources/resource-store.ts';
import { BeatRunner, dataSourceFiring, type BeatHandle } from './reeve-beat.ts';
import { CommitNudge } from './reeve-commit-nudge.ts';
import { executeRequest, type Execute } from './reeve-execute.ts';
import { parseOptions, type ReeveOptions, type ResolvedOptions } from './reeve-options.ts';
import { readStatus, type ReeveStatus } from './executions/read-status.ts';
import { WorkerService } from './reeve-worker.ts';

/** What is made once the database is reachable. */
interface Engine {
  readonly id: string;
  readonly pool: LedgerPool;
  readonly heartbeatPool: LedgerPool;
  readonly broker: Broker;
  readonly relay: Relay;
  readonly tasks: TaskRegistry;
  readonly resources: ResourceRegistry;
  readonly writes: ResourceStore;
  readonly scheduler: ExecutionScheduler;
  readonly targets: Targets;
  readonly firing: Firing;
}

/** One started worker of a process. */
export interface WorkerHandle {
  readonly id: string;
  /** How many steps it runs now. */
  readonly running: number;
  /** Finishes what runs, for as long as the drain time allows, and takes nothing new; answers how many steps are left. */
  stop(): Promise<number>;
}

/** Which queues a worker serves; a number is its concurrency. Without queues: all, as configured. */
export interface StartWorkerOptions {
  readonly queues?: readonly string[] | Readonly<Record<string, number>>;
  /** For queues that are given by name alone. */
  readonly concurrency?: number;
}

/**
 * The engine of one application: starts executions, runs workers, tells what happened. Made by {@link defineReeve};
 * connects on first use, and must be closed.
 */
export class Reeve implements Execute {
  readonly options: ResolvedOptions;
  readonly #logger: Logger;
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #nudges = new CommitNudge(() => this.#nudge());
  #engine: Promise<Engine> | undefined;
  #started: Engine | undefined;
  #workers: WorkerService | undefined;
  readonly #beats = new BeatRunner();
  #closed: Promise<void> | undefined;

  readonly execute: Execute['execute'];
  /** Schedules at run time: list, create, edit, pause, explain … */
  readonly schedules: Schedules;

  constructor(options: ReeveOptions) {
    this.options = parseOptions(options);
    this.#logger = this.options.logger ?? createLogger(this.options.logLevel);
    this.schedules = new Schedules(async () => ({ ...(await this.#connect()), changed: () => this.#beats.wake() }));
    this.execute = (target: unknown, ...rest: unknown[]) => this.#executeAlone(target, rest);
  }

  /**
   * The same words inside a transaction of the caller's: what is started is there exactly if the caller commits, and
   * begins right after the commit. Works wherever an EntityManager in a transaction is at hand, a TypeORM subscriber's
   * `event.manager` included.
   */
  in(manager: EntityManager): Execute {
    return { execute: (target: unknown, ...rest: unknown[]) => this.#executeIn(manager, target, rest) };
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
    this.#workers ??= new WorkerService({
      ...engine,
      engineId: engine.id,
      options: this.options,
      logger: this.#logger,
      onEnded: (executionId) => this.#events.emit(executionId),
    });
    return this.#workers.start(options);
  }

  /**
   * Fires schedules in this process until the handle is stopped or Reeve is closed. Any number of processes may: each
   * due time gets one verdict and at most one execution.
   */
  async startBeat(): Promise<BeatHandle> {
    const engine = await this.#connect();
    engine.relay.start();
    return this.#beats.start({ ...engine, logger: this.#logger });
  }

  /**
   * Waits until an execution has ended, and tells how; a failure is an answer, not an exception.
   *
   * @throws EXECUTION_NOT_FOUND, or RESULT_TIMEOUT after `timeout` (default `1m`); the execution goes on then.
   */
  async result(executionId: string, options: { readonly timeout?: Duration } = {}): Promise<ExecutionOutcome> {
    const { pool } = await this.#connect();
    return awaitExecution(pool, executionId, {
      timeoutMs: durationMs(options.timeout ?? '1m', 'timeout'),
      pause: (ms) => this.#pause(executionId, ms),
    });
  }

  /** The changes of an execution and its steps, as they come, until its end. */
  async *watch(executionId: string): AsyncGenerator<ExecutionChange, void, undefined> {
    const { pool } = await this.#connect();
    yield* watchExecution(pool, executionId, (ms) => this.#pause(executionId, ms));
  }

  /** @throws EXECUTION_NOT_FOUND */
  async execution(executionId: string): Promise<ExecutionView & { readonly steps: readonly StepView[] }> {
    const { pool } = await this.#connect();
    return { ...(await getExecution(pool, executionId)), steps: await listSteps(pool, executionId) };
  }

  /** The newest executions first. */
  async executions(filter: ExecutionFilter = {}): Promise<ExecutionView[]> {
    const { pool } = await this.#connect();
    return listExecutions(pool, filter);
  }

  /** Queues with their depth, and the workers that live. */
  async status(): Promise<ReeveStatus> {
    const { pool } = await this.#connect();
    return readStatus(pool, Object.keys(this.options.queues));
  }

  /** Every row that breaks a rule of the ledger; an empty list is the only good answer. Harmless at any time. */
  async checkInvariants(): Promise<Violation[]> {
    const { pool, resources } = await this.#connect();
    return checkInvariants(pool, resources.checks());
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
    this.#nudges.stop();
    if (engine === undefined) return;
    await engine.relay.stop();
    await engine.broker.close();
    await engine.heartbeatPool.close();
    await engine.pool.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #executeAlone(target: unknown, rest: readonly unknown[]): Promise<Scheduled> {
    await this.#connect();
    return this.options.dataSource.transaction((manager) => this.#executeIn(manager, target, rest));
  }

  async #executeIn(manager: EntityManager, target: unknown, rest: readonly unknown[]): Promise<Scheduled> {
    const request = executeRequest(target, rest, this.options);
    const { scheduler } = await this.#connect();
    this.#nudges.watch(manager);
    return scheduler.schedule(manager, request);
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
    const { dataSource, schema, poolSize, queues, redis, brokerSchema, timing, limits, lockTimeoutMs } = this.options;
    if (!dataSource.isInitialized) await dataSource.initialize();
    const logger = this.#logger;
    const resources = new ResourceRegistry(dataSource, this.options.resources);
    const writes = new ResourceStore(resources);
    const tasks = new TaskRegistry(this.options.tasks);
    const postgres = poolConfigOf(dataSource);
    const pool = new LedgerPool({ ...postgres, max: poolSize }, schema, logger);
    const id = await prepareLedger(pool, Object.keys(queues));
    await checkSearchPath(dataSource, pool);
    const heartbeatPool = new LedgerPool({ ...postgres, max: 2 }, schema, logger);
    const broker = new Broker({ redisUrl: redis, postgres, brokerSchema, engineId: id, logger });
    const relay = new Relay({ connection: pool, broker, engineId: id, logger, intervalMs: timing.relayMs });
    const scheduler = new ExecutionScheduler(resources, writes, tasks, {
      schema,
      limits,
      lockTimeoutMs,
      queues: Object.keys(queues),
    });
    const targets = new Targets(this.options.tasks, this.options.executors, this.options.schedules);
    const firing = dataSourceFiring(scheduler, targets, this.#nudges, this.options);
    const parts = { pool, heartbeatPool, broker, relay, tasks, resources, writes, scheduler, targets, firing };
    this.#started = { id, ...parts };
    return this.#started;
  }

  #nudge(): void {
    this.#started?.relay.nudge();
  }

  /** Waits, but not longer than until this process knows that the execution has changed. */
  async #pause(executionId: string, ms: number): Promise<void> {
    await once(this.#events, executionId, { signal: AbortSignal.timeout(Math.max(1, Math.round(ms))) }).catch(
      () => undefined,
    );
  }
}

/** A database that does not answer, as an error with a code and a next step. */
function ledgerError(error: unknown): unknown {
  if (!isConnectionError(error)) return error;
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const message = storeError(inner).message;
  return new ReeveError('LEDGER_UNAVAILABLE', `PostgreSQL does not answer: ${message}`, {
    cause: error,
    retryable: true,
  });
}

/**
 * Unqualified names of the application must lead both pools to the same place, and not into the ledger: PostgreSQL looks
 * first into the schema that is named like the user.
 */
async function checkSearchPath(dataSource: DataSource, pool: LedgerPool): Promise<void> {
  const sql = 'SELECT current_schema() AS name, current_user AS role';
  const [application] = await dataSource.query<{ name: string; role: string }[]>(sql);
  const engine = (await pool.query<{ name: string }>(sql)).rows[0];
  const problem =
    application?.name === pool.schema
      ? `unqualified tables of role "${application.role}" lead into the schema "${pool.schema}" of the ledger`
      : application?.name === engine?.name
        ? undefined
        : `unqualified tables lead to "${application?.name}" in the dataSource and to "${engine?.name}" in the engine`;
  if (problem === undefined) return;
  await pool.close();
  throw new ReeveError(
    'CONFIGURATION_INVALID',
    `${problem}; set the search_path in the dataSource: extra: { options: '-c search_path=public' }`,
  );
}

async function prepareLedger(pool: LedgerPool, queues: readonly string[]): Promise<string> {
  try {
    const id = await readEngineId(pool);
    await ensureQueues(pool, queues);
    return id;
  } catch (error) {
    await pool.close();
    throw error;
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
