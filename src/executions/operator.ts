import { ReeveError } from '../core/errors.ts';
import { isUuid } from '../core/ids.ts';
import { storableText } from '../core/stored-error.ts';
import type { Connection } from './connection.ts';
import { insertEvent } from './sql/insert-event.ts';
import type { ExecutionState } from './states.ts';
import { lockExecution, type LockedExecution } from './sql/lock-execution.ts';

/** Who asks for something, and why; both are kept in `event`. */
export interface OperatorOptions {
  readonly reason?: string;
  readonly by?: string;
}

export type OperatorAction = 'cancel' | 'retry' | 'skip' | 'pause' | 'resume';

/**
 * The execution, locked exclusively as the first lock of an operator's transaction.
 *
 * @throws EXECUTION_NOT_FOUND
 */
export async function lockForOperator(connection: Connection, executionId: string): Promise<LockedExecution> {
  const execution = isUuid(executionId) ? await lockExecution(connection, executionId, 'update') : undefined;
  if (execution !== undefined) return execution;
  throw new ReeveError('EXECUTION_NOT_FOUND', `there is no execution ${executionId}`, { details: { executionId } });
}

/** Writes down what an operator did, in the same transaction. */
export async function noteOperator(
  connection: Connection,
  action: OperatorAction,
  about: { readonly executionId: string; readonly execution: LockedExecution; readonly position?: number },
  options: OperatorOptions,
): Promise<void> {
  const { resourceType, resourceId, state } = about.execution;
  await insertEvent(connection, {
    kind: `operator.${action}`,
    executionId: about.executionId,
    ...(resourceType === null || resourceId === null ? {} : { resource: { type: resourceType, id: resourceId } }),
    data: {
      by: storedWord(options.by),
      reason: storedWord(options.reason),
      from: state,
      ...(about.position === undefined ? {} : { position: about.position }),
    },
  });
}

const possible: Readonly<Record<ExecutionState, string>> = {
  running: 'it can be paused or canceled',
  paused: 'it can be resumed or canceled',
  failing: 'it fails as soon as its running steps have ended, and can then be retried',
  canceling: 'it is canceled as soon as its running steps have ended, and can then be retried',
  succeeded: 'it has done all its work',
  failed: 'it can be retried, or its failed step skipped',
  canceled: 'it can be retried',
};

/** EXECUTION_STATE: what was asked for, the state that forbids it, and what is possible instead. */
export function notPossible(
  action: OperatorAction,
  executionId: string,
  { state, executor }: LockedExecution,
  why?: string,
): ReeveError {
  const reason = why === undefined ? '' : ` and ${why}`;
  return new ReeveError(
    'EXECUTION_STATE',
    `${action} is not possible: execution ${executionId} of "${executor}" is "${state}"${reason}; ${possible[state]}`,
    { details: { executionId, state, action } },
  );
}

/** What people write, as PostgreSQL can hold it; null where they wrote nothing. */
export function storedWord(text: string | undefined): string | null {
  return text === undefined || text.trim() === '' ? null : storableText(text.trim(), 1_000);
}
