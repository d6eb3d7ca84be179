import type { Logger } from './core/logging.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import type { RememberedRequest } from './executors/background-request.ts';
import type { SharedLook } from './executions/shared-look.ts';
import type { ResourceWrites } from './executions/resource-writes.ts';
import { Deadlines } from './recovery/deadlines.ts';
import { RetentionLoop } from './recovery/retention.ts';
import { StuckCheck } from './recovery/stuck-check.ts';
import type { ResourceRegistry } from './resources/resource-registry.ts';
import type { Control } from './reeve-control.ts';
import { RememberedRuns } from './recovery/remembered-runs.ts';
import { executeRequest } from './reeve-execute.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import type { Starts } from './reeve-starts.ts';

interface RecoveryOptions {
  readonly pool: LedgerPool;
  readonly look: SharedLook;
  readonly writes: ResourceWrites;
  readonly resources: ResourceRegistry;
  readonly control: Control;
  readonly logger: Logger;
  readonly options: ResolvedOptions;
  readonly starts: Starts;
}

const stuckIntervalMs = 300_000;

/**
 * What is put right without anybody asking. It runs in every process with a worker or a beat, any number at once: there
 * is no leader to lose, because each job is guarded in the database.
 */
export class Recovery {
  readonly #remembered: RememberedRuns;
  readonly #loops: readonly { start(): void; stop(): Promise<void> }[];

  constructor({ pool, look, writes, resources, control, logger, options, starts }: RecoveryOptions) {
    const tasks = new Map(options.tasks.map((task) => [task.name, task]));
    this.#remembered = new RememberedRuns({
      connection: pool,
      look,
      logger,
      intervalMs: options.timing.dueMs,
      tasks: options.tasks.filter(({ key }) => key !== undefined).map(({ name }) => name),
      async start({ task, request, token }) {
        const { input, options: executeOptions } = request as unknown as RememberedRequest;
        const asked = executeRequest(tasks.get(task), [input ?? undefined, executeOptions], options);
        return starts.again(asked, token);
      },
    });
    this.#loops = [
      this.#remembered,
      new Deadlines({
        pool,
        look,
        writes,
        logger,
        intervalMs: options.timing.dueMs,
        onCanceled: (executionId) => control.cancel(executionId, { by: 'reeve', reason: 'deadline' }),
      }),
      new RetentionLoop(pool, options.retention, logger),
      new StuckCheck({ connection: pool, resources: resources.checks(), logger, intervalMs: stuckIntervalMs }),
    ];
  }

  start(): void {
    for (const loop of this.#loops) loop.start();
  }

  /** Called when this process has ended an execution. */
  wake(): void {
    this.#remembered.wake();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }
}
