import type { EntityManager } from 'typeorm';
import { fireDueSchedule, fireWaitingSchedule } from '../beat/fire-schedule.ts';
import { syncSchedules } from '../beat/sync-schedules.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { newClaimToken } from '../core/ids.ts';
import { createLogger, type Logger } from '../core/logging.ts';
import type { ExecutionOutcome } from '../executions/await-execution.ts';
import { takeStep } from '../executions/claim-step.ts';
import { listExecutions, type ExecutionView } from '../executions/read-executions.ts';
import { isEnded } from '../executions/states.ts';
import { neverAlone } from '../executions/sql/claim-step.ts';
import { listReadySteps } from '../executions/sql/list-ready-steps.ts';
import { nextChangeIn } from '../executions/sql/next-change-in.ts';
import { lookAtSchedules } from '../executions/sql/look-at-schedules.ts';
import { CommitNudge } from '../reeve-commit-nudge.ts';
import { makeEngine, type Engine } from '../reeve-engine.ts';
import type { Execute, ExecuteIn } from '../reeve-execute.ts';
import type { ReeveOptions } from '../reeve-options.ts';
import { localRunner } from '../reeve-runner.ts';
import { defineReeve, type Reeve } from '../reeve.ts';
import type { LocalRunner } from '../workers/local-runner.ts';
import { explainFailure } from './explain-failure.ts';
import { FakeBackends, type BackendProbe } from './fake-backends.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Where a process dies: with the step in hand, with its work done and nothing written, or right after the commit. */
export type CrashPoint = 'before-run' | 'after-run' | 'after-commit';

/** What one `step()` did. */
export interface RanTestStep {
  readonly executionId: string;
  readonly executor: string;
  readonly position: number;
  readonly description: string;
  /** How the attempt ended; `crashed` where a crash was ordered, `lost` where somebody else has the step by now. */
  readonly outcome: string;
}

class OrderedCrash extends Error {}

const mostSteps = 10_000;

/**
 * The engine as a test drives it: the same code on a real PostgreSQL, without a broker and without loops of its own, with
 * a clock that the test moves. Nothing runs but what `step`, `drain` and `clock.advance` run, one step after another.
 *
 * Made by {@link createTestReeve}; `close` (or `await using`) checks the invariants and throws when one is broken.
 */
export class TestReeve implements AsyncDisposable {
  /** For everything else: `execute`, `in`, `cancel`, `why`, `executions` … Its workers are not started. */
  readonly reeve: Reeve;
  readonly #engine: Engine;
  readonly #backends: FakeBackends;
  readonly #clock: VirtualClock;
  readonly #runner: LocalRunner;
  #crash: CrashPoint | undefined;

  /** The clock of the ledger. */
  readonly clock: {
    /** Moves it forward, and runs on the way what becomes due: retries, polls, countdowns, schedules, leases. */
    advance(duration: Duration): Promise<void>;
    now(): Promise<Date>;
  };

  private constructor(reeve: Reeve, engine: Engine, backends: FakeBackends, logger: Logger) {
    this.reeve = reeve;
    this.#engine = engine;
    this.#backends = backends;
    this.#clock = new VirtualClock(engine.pool);
    this.clock = {
      advance: (duration) => this.#advance(durationMs(duration, 'advance')),
      now: () => this.#clock.now(),
    };
    this.#runner = localRunner(engine, reeve.options, logger, {
      beforeCompletion: () => {
        if (this.#crash !== 'after-run') return;
        this.#crash = undefined;
        throw new OrderedCrash();
      },
    });
  }

  /** See {@link createTestReeve}. */
  static async create(given: Reeve | ReeveOptions): Promise<TestReeve> {
    const reeve =
      'options' in given ? given : defineReeve({ logLevel: 'silent', ...given, redis: undefined, publish: false });
    const { dataSource } = reeve.options;
    if (!dataSource.isInitialized) await dataSource.initialize();
    await reeve.migrate();
    const logger = reeve.options.logger ?? createLogger(reeve.options.logLevel);
    const backends = new FakeBackends(reeve.options.resources);
    const nothing = (): void => undefined;
    const options = { ...reeve.options, redis: undefined, publish: false, resources: backends.resources };
    const engine = await makeEngine(options, logger, {
      nudges: new CommitNudge(nothing),
      onCanceled: nothing,
      onEnded: nothing,
      onDue: nothing,
    });
    const test = new TestReeve(reeve, engine, backends, logger);
    await test.#clock.reset();
    await syncSchedules(engine.pool, engine.targets.schedules, logger);
    return test;
  }

  /** Starts an operation in a transaction of its own; nothing of it runs yet. */
  get execute(): Execute['execute'] {
    return this.reeve.execute;
  }

  /** The same in a transaction of the test's. */
  in(manager: EntityManager): ExecuteIn {
    return this.reeve.in(manager);
  }

  /** What was asked of the backend of a resource, and what it is to answer. */
  backend<B = Record<string, unknown>>(resource: {
    readonly name: string;
    readonly backend?: ((...args: never[]) => B) | undefined;
  }): BackendProbe<keyof B & string> {
    return this.#backends.of(resource.name);
  }

  /** Runs the step that has been ready for longest; undefined when nothing can run before the clock is moved. */
  async step(): Promise<RanTestStep | undefined> {
    await this.#fireSchedules();
    if (this.#crash === 'before-run') return this.#die();
    const crash = this.#crash;
    try {
      const ran = await this.#runner.next();
      if (ran === undefined) return undefined;
      if (crash === 'after-commit') this.#crash = undefined;
      const { executionId, executor, position, description } = ran.step;
      const outcome = ran.answer?.kind === 'finished' ? ran.answer.outcome.kind : 'lost';
      return { executionId, executor, position, description, outcome };
    } catch (error) {
      if (!(error instanceof OrderedCrash)) throw error;
      return { executionId: '', executor: '', position: -1, description: '', outcome: 'crashed' };
    }
  }

  /** Runs steps until nothing can run before the clock is moved; answers how many. */
  async drain(): Promise<number> {
    for (let count = 0; count < mostSteps; count += 1) if ((await this.step()) === undefined) return count;
    throw new Error(`${mostSteps} steps were run and there is still one: does an execution start itself again?`);
  }

  /**
   * Lets the process die in the next step. With `before-run` and `after-run` the step stays claimed, and goes on once its
   * lease is over: `clock.advance` past it. With `after-commit` it is done, and only this process does not know.
   */
  crash(point: CrashPoint): void {
    this.#crash = point;
  }

  /** How an execution has ended; a test that expects an end gets a failure that says what it waits for. */
  async result(executionId: string): Promise<ExecutionOutcome> {
    const { state } = await this.reeve.execution(executionId);
    if (isEnded(state)) return this.reeve.result(executionId, { timeout: '1s' });
    const { chain } = await this.reeve.why(executionId);
    throw explainFailure(
      `execution ${executionId} has not ended, it is "${state}"`,
      chain.map(({ text }) => text),
    );
  }

  /** The newest execution of an executor or task, on a resource if one is given; throws, and lists what there is. */
  async expectScheduled(
    target: { readonly name: string },
    resource?: { readonly id: string } | string,
  ): Promise<ExecutionView> {
    const id = typeof resource === 'object' ? resource.id : resource;
    const executions = await listExecutions(this.#engine.pool, {});
    const found = executions.find(
      ({ executor, resourceId }) => executor === target.name && (id === undefined || resourceId === id),
    );
    if (found !== undefined) return found;
    const there = executions.map(({ executor, resourceId, state }) => `${executor} ${resourceId ?? ''} (${state})`);
    throw explainFailure(`"${target.name}"${id === undefined ? '' : ` on ${id}`} was not scheduled`, there);
  }

  /** Throws, with what there is, when anything has been scheduled at all. */
  async expectNothingScheduled(): Promise<void> {
    const executions = await listExecutions(this.#engine.pool, {});
    if (executions.length === 0) return;
    throw explainFailure(
      'something was scheduled',
      executions.map(({ executor, resourceId }) => `${executor} ${resourceId ?? ''}`),
    );
  }

  /** Throws when a rule of the ledger is broken; `close` does it as well. */
  async checkInvariants(): Promise<void> {
    const violations = await this.reeve.checkInvariants();
    if (violations.length === 0) return;
    throw explainFailure(
      'invariants are broken',
      violations.map(({ invariant, what, row }) => `${invariant}: ${what}: ${JSON.stringify(row)}`),
    );
  }

  /** Sets the clock back, checks the invariants, and closes everything but the application's DataSource. */
  async close(): Promise<void> {
    try {
      await this.checkInvariants();
    } finally {
      await this.#clock.reset();
      const { recovery, relay, broker, heartbeatPool, pool, verbs } = this.#engine;
      await verbs?.close();
      await recovery.stop();
      await relay.stop();
      await broker.close();
      await heartbeatPool.close();
      await this.reeve.close();
      await pool.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #fireSchedules(): Promise<void> {
    const { firing, targets } = this.#engine;
    while ((await fireDueSchedule(firing, targets.known)) !== undefined);
    while ((await fireWaitingSchedule(firing, targets.known)) !== undefined);
  }

  async #advance(ms: number): Promise<void> {
    const target = this.#clock.aheadMs + ms;
    for (;;) {
      await this.drain();
      const { pool, targets } = this.#engine;
      const changes = [await nextChangeIn(pool), (await lookAtSchedules(pool, targets.known)).dueMs];
      const next = Math.max(1, Math.min(...changes.map((change) => change ?? Number.POSITIVE_INFINITY)) + 1);
      const left = target - this.#clock.aheadMs;
      await this.#clock.forward(Math.min(next, left));
      if (next < left) continue;
      await this.drain();
      return;
    }
  }

  /** Takes the next step as a worker does, and is never heard of again. */
  async #die(): Promise<RanTestStep | undefined> {
    const { pool, writes, tasks, resources } = this.#engine;
    await this.#runner.settle();
    const [ready] = await listReadySteps(pool, { within: null, limit: 1 });
    if (ready === undefined) return undefined;
    const { leaseMs } = this.reeve.options.timing;
    const claim = await takeStep(pool, writes, {
      ...ready,
      token: newClaimToken(),
      workerId: this.#runner.workerId,
      leaseMs,
      tasks: tasks.allNames(),
      resourceTypes: resources.types(),
      loneFrom: neverAlone,
    });
    if (claim.kind !== 'claimed') return undefined;
    this.#crash = undefined;
    const { executionId, executor, position, description } = claim.step;
    return { executionId, executor, position, description, outcome: 'crashed' };
  }
}

/**
 * A Reeve for tests: the same engine on a real PostgreSQL with a virtual clock.
 *
 * @param given - The application's Reeve, or its options; the DataSource must be one of a database for tests, whose
 * tables of Reeve are brought up to date. Executions that are already there stay, and run.
 */
export async function createTestReeve(given: Reeve | ReeveOptions): Promise<TestReeve> {
  return TestReeve.create(given);
}
