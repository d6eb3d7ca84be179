import type { EntityManager } from 'typeorm';
import { ReeveError } from './core/errors.ts';
import type { JsonValue } from './core/json.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import type { UnpublishedStep } from './executions/sql/list-unpublished-steps.ts';
import type { Scheduled } from './executions/schedule-execution.ts';
import { BackgroundStarter } from './executors/background-starter.ts';
import { scheduleMany } from './executors/schedule-many.ts';
import { TaskStarter } from './executors/task-starter.ts';
import { ExecutionScheduler, type ExecuteRequest } from './executors/execution-scheduler.ts';
import type { TaskRegistry } from './executors/task-registry.ts';
import type { ResourceRegistry } from './resources/resource-registry.ts';
import type { ResourceStore } from './resources/resource-store.ts';
import type { CommitNudge } from './reeve-commit-nudge.ts';
import { executeRequest } from './reeve-execute.ts';
import type { ResolvedOptions } from './reeve-options.ts';

interface StartsOptions {
  readonly pool: LedgerPool;
  readonly resources: ResourceRegistry;
  readonly writes: ResourceStore;
  readonly tasks: TaskRegistry;
  readonly options: ResolvedOptions;
  readonly nudges: CommitNudge;
  /** Publishes what was started outside a transaction of the application's. */
  readonly nudge: () => void;
  /** Publishes steps that are committed. */
  readonly publish: (steps: readonly UnpublishedStep[]) => void;
}

/** How executions are started: in a transaction of the caller's, in one of their own, or in one statement. */
export class Starts {
  readonly scheduler: ExecutionScheduler;
  readonly #background: BackgroundStarter;
  readonly #tasks: TaskStarter;
  readonly #options: ResolvedOptions;
  readonly #nudges: CommitNudge;

  constructor({ pool, resources, writes, tasks, options, nudges, nudge, publish }: StartsOptions) {
    const { schema, limits, lockTimeoutMs } = options;
    const queues = Object.keys(options.queues);
    this.scheduler = new ExecutionScheduler(resources, writes, tasks, { schema, limits, lockTimeoutMs, queues });
    this.#background = new BackgroundStarter(pool, lockTimeoutMs, nudge);
    this.#tasks = new TaskStarter(pool, { publish, nudge });
    this.#options = options;
    this.#nudges = nudges;
  }

  in(manager: EntityManager, target: unknown, rest: readonly unknown[]): Promise<Scheduled> {
    const request = executeRequest(target, rest, this.#options);
    this.#nudges.watch(manager);
    return this.scheduler.schedule(manager, request);
  }

  /** @throws INPUT_INVALID for what is no list of lists of arguments. */
  async manyIn(manager: EntityManager, target: unknown, requests: unknown): Promise<Scheduled[]> {
    if (!Array.isArray(requests) || !requests.every((rest) => Array.isArray(rest))) {
      throw new ReeveError(
        'INPUT_INVALID',
        'executeMany takes a list with the arguments of each operation, such as [[volume, input], [other, input]]',
      );
    }
    const wanted = (requests as unknown[][]).map((rest) => executeRequest(target, rest, this.#options));
    this.#nudges.watch(manager);
    return scheduleMany(this.scheduler, manager, wanted, this.#options);
  }

  async alone(target: unknown, rest: readonly unknown[]): Promise<Scheduled> {
    const request = executeRequest(target, rest, this.#options);
    const bare = await this.scheduler.bare(request);
    if (bare !== undefined && !bare.hasIdempotencyKey) {
      if (bare.uniqueKey !== '') return this.#background.start(bare);
      return this.#tasks.start(await bare.run());
    }
    return this.#options.dataSource.transaction((manager) => this.in(manager, target, rest));
  }

  /** Starts a remembered run of a background task; the token names the request that it fulfils. */
  async again(request: ExecuteRequest, token: string): Promise<Scheduled> {
    const background = await this.scheduler.background(request);
    if (background !== undefined) return this.#background.start(background, token);
    throw new ReeveError('TASK_UNKNOWN', `"${request.executor.name}" is no background task any more`);
  }

  /** Starts a background task for each input, each in one round trip; answers how many were not refused. */
  async all(name: string, inputs: readonly JsonValue[], context: JsonValue): Promise<number> {
    const task = this.#options.tasks.find((known) => known.name === name);
    const scheduled = await Promise.all(inputs.map((input) => this.alone(task, [input, { context }])));
    return scheduled.filter(({ created }) => created).length;
  }
}
