import type { LedgerPool } from './ledger-pool.ts';
import { lockForOperator, noteOperator, notPossible, type OperatorOptions } from './operator.ts';
import { parkReadySteps } from './sql/park-ready-steps.ts';
import { setExecutionState } from './sql/set-execution-state.ts';
import { unparkSteps } from './sql/unpark-steps.ts';

/**
 * `running → paused`: nothing of it is claimed any more, running steps end as they do, and what is due waits. One that
 * ends its last step while it is paused ends. To ask again is harmless.
 *
 * @throws EXECUTION_NOT_FOUND; EXECUTION_STATE for one that fails, is being canceled or has ended.
 */
export async function pauseExecution(
  pool: LedgerPool,
  executionId: string,
  options: OperatorOptions,
): Promise<{ readonly state: 'paused' }> {
  return pool.transaction(async (connection) => {
    const execution = await lockForOperator(connection, executionId);
    if (execution.state === 'paused') return { state: 'paused' };
    if (execution.state !== 'running') throw notPossible('pause', executionId, execution);
    await setExecutionState(connection, executionId, 'paused');
    await parkReadySteps(connection, executionId);
    await noteOperator(connection, 'pause', { executionId, execution }, options);
    return { state: 'paused' };
  });
}

/**
 * `paused → running`: what is due by now goes out at once, as a new delivery. To ask again is harmless.
 *
 * @throws EXECUTION_NOT_FOUND; EXECUTION_STATE for one that is neither paused nor running.
 */
export async function resumeExecution(
  pool: LedgerPool,
  executionId: string,
  options: OperatorOptions,
): Promise<{ readonly state: 'running' }> {
  return pool.transaction(async (connection) => {
    const execution = await lockForOperator(connection, executionId);
    if (execution.state === 'running') return { state: 'running' };
    if (execution.state !== 'paused') throw notPossible('resume', executionId, execution);
    await setExecutionState(connection, executionId, 'running');
    await unparkSteps(connection, executionId);
    await noteOperator(connection, 'resume', { executionId, execution }, options);
    return { state: 'running' };
  });
}
