import type { Logger } from './core/logging.ts';
import type { ResourceWrites } from './executions/resource-writes.ts';
import { retryExecution } from './executions/retry-execution.ts';
import { ChildStarter } from './executors/child-starter.ts';
import { PlanFunctions } from './executors/plan-functions.ts';
import { LocalRunner, type LocalRunnerOptions } from './workers/local-runner.ts';
import type { StepRunnerOptions } from './workers/step-runner.ts';
import type { Engine } from './reeve-engine.ts';
import type { ResolvedOptions } from './reeve-options.ts';

/** What running a step takes, from the parts of an engine. */
export function runnerParts(
  engine: Pick<Engine, 'pool' | 'resources' | 'tasks' | 'scheduler' | 'starts'> & { readonly writes: ResourceWrites },
  options: ResolvedOptions,
): Pick<
  StepRunnerOptions,
  'pool' | 'writes' | 'resources' | 'tasks' | 'functions' | 'children' | 'startAll' | 'limits'
> {
  const { pool, writes, resources, tasks, scheduler, starts } = engine;
  const { executors, limits, dataSource } = options;
  const retry = async (executionId: string): Promise<void> => {
    await retryExecution(pool, writes, executionId, { by: 'reeve', reason: 'its parent is retried' });
  };
  return {
    pool,
    writes,
    resources,
    tasks,
    limits,
    functions: new PlanFunctions(executors, limits),
    children: new ChildStarter(executors, scheduler, dataSource, retry),
    startAll: (task, inputs, context) => starts.all(task, inputs, context),
  };
}

/** Cancels a child whose parent has failed or was canceled. */
export async function cancelChild({ control }: Pick<Engine, 'control'>, executionId: string): Promise<void> {
  await control.cancel(executionId, { by: 'reeve', reason: 'its parent has ended badly' });
}

/** Runs steps in this process, without a broker. */
export function localRunner(
  engine: Engine,
  options: ResolvedOptions,
  logger: Logger,
  hooks: Pick<LocalRunnerOptions, 'beforeCompletion'> = {},
): LocalRunner {
  const { leaseMs, cancelGraceMs, maxCrashes } = options.timing;
  return new LocalRunner({
    ...runnerParts(engine, options),
    ...hooks,
    logger,
    leaseMs,
    cancelGraceMs,
    maxCrashes,
    cancel: (id) => cancelChild(engine, id),
  });
}
