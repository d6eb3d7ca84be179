import type { EntityManager } from 'typeorm';
import { isReeveError, ReeveError } from '../core/errors.ts';
import { behindSavepoint } from '../executions/behind-savepoint.ts';
import type { Connection } from '../executions/connection.ts';
import { managerConnection } from '../executions/manager-connection.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import type { BareExecution } from '../executions/sql/insert-executions.ts';
import { startTasks } from '../executions/sql/start-tasks.ts';
import type { ExecuteRequest, ExecutionScheduler } from './execution-scheduler.ts';

/** How many steps a statement stores at most, unless a single plan has more: a few megabytes of JSON. */
const stepsAtOnce = 5_000;

export interface ManyOptions {
  readonly schema: string;
  readonly lockTimeoutMs: number;
}

/**
 * Starts many operations in the caller's transaction, all or none of them: the first that is refused is thrown with its
 * place in the list, and nothing of the others is left. What the ledger cannot refuse (no resource, no key, no hook) is
 * stored by one statement for thousands of steps; everything else one after another, in the order of the list.
 */
export async function scheduleMany(
  scheduler: ExecutionScheduler,
  manager: EntityManager,
  requests: readonly ExecuteRequest[],
  { schema, lockTimeoutMs }: ManyOptions,
): Promise<Scheduled[]> {
  const connection = managerConnection(manager, schema);
  return behindSavepoint(connection, lockTimeoutMs, async () => {
    const bulk = new Bulk(connection);
    const scheduled: Scheduled[] = [];
    for (const [index, request] of requests.entries()) {
      const run = await atPlace(index, requests.length, async () => bareRun(scheduler, request));
      if (run === undefined) {
        // Whoever comes first in the list comes first in the lines as well.
        if (bulk.standsInLine) await bulk.flush();
        scheduled.push(await atPlace(index, requests.length, async () => scheduler.schedule(manager, request)));
      } else {
        await bulk.add(run);
        scheduled.push({ executionId: run.execution.id, created: true });
      }
    }
    await bulk.flush();
    return scheduled;
  });
}

/** Undefined for what the ledger may refuse. */
async function bareRun(scheduler: ExecutionScheduler, request: ExecuteRequest): Promise<BareExecution | undefined> {
  const bare = await scheduler.bare(request);
  if (bare === undefined || bare.hasIdempotencyKey || bare.uniqueKey !== '') return undefined;
  return bare.run();
}

class Bulk {
  readonly #connection: Connection;
  #runs: BareExecution[] = [];
  #steps = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get standsInLine(): boolean {
    return this.#runs.some(({ steps }) => steps.some(({ effects }) => effects.acquire !== undefined));
  }

  async add(run: BareExecution): Promise<void> {
    if (this.#steps + run.steps.length > stepsAtOnce) await this.flush();
    this.#runs.push(run);
    this.#steps += run.steps.length;
  }

  async flush(): Promise<void> {
    if (this.#runs.length > 0) await startTasks(this.#connection, this.#runs);
    this.#runs = [];
    this.#steps = 0;
  }
}

async function atPlace<T>(index: number, of: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isReeveError(error)) throw error;
    throw new ReeveError(error.code, `request ${index + 1} of ${of}: ${error.message}`, {
      retryable: error.retryable,
      details: { ...error.details, index },
      cause: error,
    });
  }
}
