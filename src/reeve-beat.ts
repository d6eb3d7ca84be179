import type { Logger } from './core/logging.ts';
import { Beat } from './beat/beat.ts';
import type { FireScope, Firing } from './beat/firing.ts';
import { syncSchedules } from './beat/sync-schedules.ts';
import type { Targets } from './beat/targets.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import { cancelWithin } from './executions/cancel-execution.ts';
import { managerConnection } from './executions/manager-connection.ts';
import type { ExecutionScheduler } from './executors/execution-scheduler.ts';
import { startBackground } from './executions/sql/start-background.ts';
import { isConflictError } from './executions/sql-state.ts';
import { isEnded } from './executions/states.ts';
import type { ResourceWrites } from './executions/resource-writes.ts';
import type { CommitNudge } from './reeve-commit-nudge.ts';
import type { Control } from './reeve-control.ts';
import { executeRequest } from './reeve-execute.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import { refuseWhenIsolated } from './reeve-isolation.ts';

/** A started beat. */
export interface BeatHandle {
  /** Ends after what is under way; another beat goes on. */
  stop(): Promise<void>;
}

const lanes = 4;
const maxTries = 20;

interface FiringParts {
  readonly scheduler: ExecutionScheduler;
  readonly targets: Targets;
  readonly writes: ResourceWrites;
  readonly control: Control;
}

/** Fires in transactions of the application's DataSource, because executors read its resources in them. */
export function dataSourceFiring(
  { scheduler, targets, writes, control }: FiringParts,
  nudges: CommitNudge,
  options: ResolvedOptions,
): Firing {
  const once = async <T>(work: (scope: FireScope) => Promise<T>): Promise<T> => {
    const canceled: string[] = [];
    const result = await options.dataSource.transaction(async (manager) => {
      nudges.watch(manager);
      const connection = managerConnection(manager, options.schema);
      return work({
        connection,
        startAll: (wanted) =>
          startBackground(connection, wanted, { lockTimeoutMs: options.lockTimeoutMs, rivals: 'wait' }),
        async cancel(executionId, reason) {
          const { state } = await cancelWithin(connection, writes, executionId, reason);
          canceled.push(executionId);
          return isEnded(state);
        },
        start(ref, input) {
          const target = targets.find(ref);
          const given = input === null ? undefined : input;
          const rest = ref.resourceId === null ? [given] : [ref.resourceId, given];
          return scheduler.schedule(manager, executeRequest(target, rest, options));
        },
      });
    });
    // What is committed is told to the running steps of this process, and to children.
    for (const executionId of canceled) await control.cancel(executionId, {});
    return result;
  };
  return {
    async transaction(work, tries = maxTries) {
      for (let tried = 1; ; tried += 1) {
        try {
          return await once(work);
        } catch (error) {
          // Lost against another transaction, or in other lines than those that were locked: all is done again.
          if (!isConflictError(error) || tried >= tries) throw error;
        }
      }
    },
    async draft(ref, input) {
      const request = executeRequest(targets.find(ref), [input === null ? undefined : input], options);
      const task = await scheduler.taskRequest(request);
      return { ...(await task.run()), remember: task.remembered, askedAgain: false, rememberedToken: null };
    },
  };
}

/** The beat of one process: takes over what code declares, then fires. */
export class BeatRunner {
  readonly #beats = new Set<Beat>();

  get isServing(): boolean {
    return this.#beats.size > 0;
  }

  wake(): void {
    for (const beat of this.#beats) beat.wake();
  }

  async start(engine: {
    readonly pool: LedgerPool;
    readonly firing: Firing;
    readonly targets: Targets;
    readonly logger: Logger;
  }): Promise<BeatHandle> {
    refuseWhenIsolated('a beat');
    await syncSchedules(engine.pool, engine.targets.schedules, engine.logger);
    const beat = new Beat({ ...engine, connection: engine.pool, lanes });
    this.#beats.add(beat);
    beat.start();
    return {
      stop: async () => {
        await beat.stop();
        this.#beats.delete(beat);
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#beats].map((beat) => beat.stop()));
    this.#beats.clear();
  }
}
