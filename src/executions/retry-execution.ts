import { ReeveError } from '../core/errors.ts';
import type { Connection } from './connection.ts';
import { advanceSteps, fillGroups } from './advance-steps.ts';
import { endSucceeded } from './end-execution.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { lockForOperator, noteOperator, notPossible, storedWord, type OperatorOptions } from './operator.ts';
import { reownResources } from './reown-resources.ts';
import type { ResourceWrites } from './resource-writes.ts';
import { sqlState } from './sql-state.ts';
import type { ExecutionState } from './states.ts';
import { findRivalExecution } from './sql/find-rival-execution.ts';
import { findStep, type FoundStep } from './sql/find-step.ts';
import { listExecutionResources } from './sql/list-execution-resources.ts';
import type { LockedExecution } from './sql/lock-execution.ts';
import { markSkipped } from './sql/mark-skipped.ts';
import { reopenExecution } from './sql/reopen-execution.ts';
import { reopenSteps } from './sql/reopen-steps.ts';
import { parkInLostScopes } from './sql/park-in-lost-scopes.ts';
import { requestPermits } from './sql/request-permits.ts';

/** `running`, or how the execution ended at once where nothing was left to do. */
export interface RetryAnswer {
  readonly state: Extract<ExecutionState, 'running' | 'succeeded' | 'failed'>;
}

/**
 * A failed or canceled execution goes on, in one transaction, where it ended: its failed and canceled steps with fresh
 * attempts, and what comes behind them; what has succeeded does not run again. Its resources are taken again, from the
 * state that the failure left them in to the one that they had.
 *
 * @throws EXECUTION_NOT_FOUND; EXECUTION_STATE for one that has not failed, or while another with its unique key lives;
 * RESOURCE_BUSY, with nothing changed, when a resource is in another state by now or somebody else's.
 */
export async function retryExecution(
  pool: LedgerPool,
  writes: ResourceWrites,
  executionId: string,
  options: OperatorOptions,
): Promise<RetryAnswer> {
  return reopening(pool, async (connection) => {
    const execution = await lockForOperator(connection, executionId);
    if (execution.state !== 'failed' && execution.state !== 'canceled')
      throw notPossible('retry', executionId, execution);
    await noteOperator(connection, 'retry', { executionId, execution }, options);
    return reopen(connection, writes, { executionId, execution });
  });
}

/**
 * A failed step of a failed execution is marked as skipped, and the execution goes on behind it as in a retry. A later
 * step that needs its result fails.
 *
 * @throws as {@link retryExecution}, and INPUT_INVALID without a reason.
 */
export async function skipStep(
  pool: LedgerPool,
  writes: ResourceWrites,
  { executionId, position }: { readonly executionId: string; readonly position: number },
  options: OperatorOptions,
): Promise<RetryAnswer> {
  if (storedWord(options.reason) === null) {
    throw new ReeveError('INPUT_INVALID', 'a step is skipped only with a reason, which is kept in the audit');
  }
  return reopening(pool, async (connection) => {
    const execution = await lockForOperator(connection, executionId);
    const step = Number.isInteger(position) ? await findStep(connection, executionId, position) : undefined;
    if (execution.state !== 'failed' || step?.state !== 'failed') {
      throw notPossible('skip', executionId, execution, stepText(position, step));
    }
    await noteOperator(connection, 'skip', { executionId, execution, position }, options);
    return reopen(connection, writes, { executionId, execution, skipped: { ...step, position } });
  });
}

interface Reopened {
  readonly executionId: string;
  readonly execution: LockedExecution;
  readonly skipped?: FoundStep & { readonly position: number };
}

/** Locks execution, resources, steps, in this order; the unique indexes are met at the first of them. */
async function reopen(connection: Connection, writes: ResourceWrites, reopened: Reopened): Promise<RetryAnswer> {
  const { executionId, execution, skipped } = reopened;
  await refuseRival(connection, executionId, execution);
  await reopenExecution(connection, executionId);
  const resources = await listExecutionResources(connection, executionId);
  await reownResources(connection, writes, { executionId, executor: execution.executor, resources, skipped });
  const free = await reopenSteps(connection, executionId, skipped?.position ?? null);
  if (skipped !== undefined) await markSkipped(connection, executionId, skipped.position);
  if (free.length === 0) throw notPossible('retry', executionId, execution, 'none of its steps can run again');
  const { scopes, parked } = await parkInLostScopes(connection, executionId, free);
  await requestPermits(connection, executionId, scopes, 'together');
  const goOn = free.filter((position) => !parked.includes(position));
  const ended = goOn.length > 0 && (await advanceSteps(connection, executionId, goOn)).ended;
  await fillGroups(connection, executionId);
  if (!ended) return { state: 'running' };
  const { resourceType, resourceId, hasRules } = execution;
  const step = { executionId, position: null, resourceType, resourceId };
  return { state: await endSucceeded({ connection, writes, step, resources, hasRules }) };
}

async function refuseRival(connection: Connection, executionId: string, execution: LockedExecution): Promise<void> {
  const { uniqueKey, exclusive, resourceType, resourceId } = execution;
  const owned = exclusive ? { resourceType, resourceId } : { resourceType: null, resourceId: null };
  const rival = await findRivalExecution(connection, { idempotencyKey: null, uniqueKey, ...owned });
  if (rival === undefined) return;
  if (rival.by === 'resource') {
    throw new ReeveError(
      'RESOURCE_BUSY',
      `${resourceType} ${resourceId} is held by execution ${rival.id} of "${rival.executor}", so execution ${executionId} cannot go on`,
      { details: { resourceType, resourceId, executionId: rival.id } },
    );
  }
  throw new ReeveError(
    'EXECUTION_STATE',
    `execution ${executionId} cannot go on while execution ${rival.id} with the same unique key "${uniqueKey}" lives; wait for it, or cancel it`,
    { details: { executionId, state: execution.state, rivalId: rival.id } },
  );
}

/** A rival that came between the look and the write is met by a unique index. */
async function reopening(
  pool: LedgerPool,
  work: (connection: Connection) => Promise<RetryAnswer>,
): Promise<RetryAnswer> {
  try {
    return await pool.transaction(work);
  } catch (error) {
    if (sqlState(error) !== '23505') throw error;
    throw new ReeveError('RESOURCE_BUSY', 'another execution has just taken the resource or the unique key', {
      retryable: true,
      cause: error,
    });
  }
}

function stepText(position: number, step: FoundStep | undefined): string {
  if (step === undefined) return `it has no step ${position}`;
  return `step ${position} "${step.description}" is "${step.state}"`;
}
