import type { StoredError } from '../core/stored-error.ts';
import { endCanceled, endFailed } from './end-execution.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { checkLines, handOn, lockLines } from './permits.ts';
import { endOpen } from './end-open.ts';
import { inLockOrder, type ResourceWrites } from './resource-writes.ts';
import { endChildSteps } from './sql/end-child-steps.ts';
import { listExecutionResources } from './sql/list-execution-resources.ts';
import { lockExecution } from './sql/lock-execution.ts';

/**
 * Ends an execution that is failing or canceling once nothing of it runs any more: mostly the last running step does
 * that, but the end of a child cannot, because no transaction locks two executions.
 *
 * @returns Whether it has ended here.
 */
export async function settleExecution(pool: LedgerPool, writes: ResourceWrites, executionId: string): Promise<boolean> {
  return pool.transaction(async (connection) => {
    const locked = await lockLines(connection, executionId);
    const execution = await lockExecution(connection, executionId, 'update');
    if (execution?.state !== 'failing' && execution?.state !== 'canceling') return false;
    const holds = await checkLines(connection, executionId, locked);
    const resources = await listExecutionResources(connection, executionId);
    await writes.lock(connection, inLockOrder([...resources, ...holds]));
    const left = execution.state === 'failing' ? 'skipped' : 'canceled';
    await endChildSteps(connection, executionId, left);
    if ((await endOpen(connection, executionId, left)) > 0) return false;
    const { resourceType, resourceId, hasRules } = execution;
    const step = { executionId, position: null, resourceType, resourceId };
    const error = execution.error as unknown as StoredError;
    const ending = { connection, writes, step, resources, hasRules };
    await (execution.state === 'failing' ? endFailed(ending, error) : endCanceled(ending, error));
    await handOn(connection, writes, executionId, { which: 'all', locked });
    return true;
  });
}
