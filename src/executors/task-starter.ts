import { GroupCommit } from '../executions/group-commit.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import type { UnpublishedStep } from '../executions/sql/list-unpublished-steps.ts';
import type { BareExecution } from '../executions/sql/insert-executions.ts';
import { startTasks } from '../executions/sql/start-tasks.ts';

export interface TaskStarterOptions {
  /** Called after each statement with the steps that may be published. */
  readonly publish: (steps: readonly UnpublishedStep[]) => void;
  /** Called where some stand in line for permits. */
  readonly nudge: () => void;
}

const batchSize = 500;

/**
 * Starts bare tasks, chains and executors that own nothing, outside any transaction of a caller's, on the engine's own
 * pool: one statement, shared by what is asked for at the same time. Nothing of it can be refused by what is in the
 * ledger; what the database refuses in one of them does not fail the others, which have their ids already.
 */
export class TaskStarter {
  readonly #group: GroupCommit<BareExecution, Scheduled>;

  constructor(pool: LedgerPool, { publish, nudge }: TaskStarterOptions) {
    this.#group = new GroupCommit<BareExecution, Scheduled>({
      limit: batchSize,
      run: async (tasks) => {
        const { ready, waits } = await startTasks(pool, tasks);
        publish(ready);
        if (waits) nudge();
        return tasks.map(({ execution }) => ({ executionId: execution.id, created: true }));
      },
    });
  }

  async start(task: BareExecution): Promise<Scheduled> {
    return this.#group.ask(task);
  }
}
