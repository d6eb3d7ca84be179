import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './core/logging.ts';
import { packageVersion } from './core/package-version.ts';
import { awaitExecution, type ExecutionOutcome } from './executions/await-execution.ts';
import { insertWorker } from './executions/sql/insert-worker.ts';
import { updateWorker } from './executions/sql/update-worker.ts';
import { Heartbeat } from './workers/heartbeat.ts';
import type { Engine } from './reeve-engine.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import { localRunner } from './reeve-runner.ts';

/** How long a script waits for the end of what it runs. */
export const inlineTimeoutMs = 3_600_000;

const idleMs = 50;

/**
 * Runs an execution, and what it starts, in this process until it has ended, one step after another, without a broker;
 * delays are waited out. Workers may take steps of it at the same time: each is claimed once.
 *
 * @throws RESULT_TIMEOUT when it has not ended in time; it is in the ledger then, for workers to go on with.
 */
export async function runInline(
  engine: Engine,
  options: ResolvedOptions,
  logger: Logger,
  { executionId, timeoutMs }: { readonly executionId: string; readonly timeoutMs: number },
): Promise<ExecutionOutcome> {
  const { timing } = options;
  const runner = localRunner(engine, options, logger);
  const { workerId, claims } = runner;
  await insertWorker(engine.pool, {
    id: workerId,
    host: hostname(),
    pid: process.pid,
    queues: {},
    tasks: engine.tasks.names(),
    version: packageVersion(),
  });
  const heartbeat = new Heartbeat({
    connection: engine.heartbeatPool,
    claims,
    workerId,
    logger,
    intervalMs: timing.heartbeatMs,
    leaseMs: timing.leaseMs,
    state: () => 'ready',
  });
  heartbeat.start();
  try {
    return await awaitExecution(engine.pool, executionId, {
      timeoutMs,
      pause: async () => {
        if ((await runner.next(executionId)) === undefined) await pause(idleMs);
      },
    });
  } finally {
    await heartbeat.stop();
    await updateWorker(engine.pool, { id: workerId, state: 'stopped', running: 0 });
  }
}
