import { ReeveError } from '../core/errors.ts';
import { isUuid } from '../core/ids.ts';
import { errorJson, storeError, type StoredError } from '../core/stored-error.ts';
import type { Connection } from './connection.ts';
import { endCanceled } from './end-execution.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { endOpen } from './end-open.ts';
import { lockForOperator, noteOperator, storedWord, type OperatorOptions } from './operator.ts';
import { checkLines, handOn, lockLines } from './permits.ts';
import { inLockOrder, type ResourceWrites } from './resource-writes.ts';
import { listExecutionResources } from './sql/list-execution-resources.ts';
import { requestCancel } from './sql/request-cancel.ts';
import { isEnded, type ExecutionState } from './states.ts';

/** What a cancel has come to: see {@link cancelExecution}. */
export interface CancelAnswer {
  readonly state: Exclude<ExecutionState, 'running' | 'paused'>;
}

/**
 * Cancels an execution, in one transaction: what has not started is `canceled`, and nothing new starts after it.
 *
 * Nothing runs: the execution is `canceled` and its resources are erred and free, also those that were still scheduled.
 * Steps run: it is `canceling`; they hear of it through their signal, and the end of the last one ends the execution.
 * What had ended, or was failing, before the cancel came stays as it is, and the answer says so. To ask again is harmless.
 *
 * @throws EXECUTION_NOT_FOUND
 */
export async function cancelExecution(
  pool: LedgerPool,
  writes: ResourceWrites,
  executionId: string,
  options: OperatorOptions,
): Promise<CancelAnswer> {
  return pool.transaction((connection) => cancelWithin(connection, writes, executionId, options));
}

/** Whether, and how, an execution is canceled in a transaction of somebody else's. */
export interface CancelWithinOptions extends OperatorOptions {
  /** Instead of EXECUTION_CANCELED. */
  readonly error?: StoredError;
  /** Asked under the lock; what it throws leaves everything as it is. */
  readonly check?: () => Promise<void>;
}

/** The same in a transaction that holds no lock yet but that of a schedule. */
export async function cancelWithin(
  connection: Connection,
  writes: ResourceWrites,
  executionId: string,
  options: CancelWithinOptions,
): Promise<CancelAnswer> {
  const locked = isUuid(executionId) ? await lockLines(connection, executionId) : [];
  const execution = await lockForOperator(connection, executionId);
  const holds = await checkLines(connection, executionId, locked);
  await options.check?.();
  const { state, resourceType, resourceId, hasRules } = execution;
  if (isEnded(state) || state === 'canceling') return { state };
  const resources = await listExecutionResources(connection, executionId);
  await writes.lock(connection, inLockOrder([...resources, ...holds]));
  const error = options.error ?? canceledError(options);
  await noteOperator(connection, 'cancel', { executionId, execution }, options);
  await requestCancel(connection, executionId, errorJson(error));
  if (state === 'failing') return { state };
  const running = await endOpen(connection, executionId, 'canceled');
  await handOn(connection, writes, executionId, { which: 'waiting', locked });
  if (running > 0) return { state: 'canceling' };
  const step = { executionId, position: null, resourceType, resourceId };
  await endCanceled({ connection, writes, step, resources, hasRules }, error);
  await handOn(connection, writes, executionId, { which: 'all', locked });
  return { state: 'canceled' };
}

function canceledError(options: OperatorOptions): StoredError {
  const reason = storedWord(options.reason);
  const message = reason === null ? 'canceled' : `canceled: ${reason}`;
  return { ...storeError(new ReeveError('EXECUTION_CANCELED', message)), traceback: '' };
}
