import { ReeveError } from '../core/errors.ts';
import { isUuid } from '../core/ids.ts';
import { formatMs } from '../core/duration.ts';
import type { JsonValue } from '../core/json.ts';
import type { Connection } from './connection.ts';
import type { OutcomeLooks } from './outcome-looks.ts';
import { findExecution, listSteps, type ExecutionView, type StepView } from './read-executions.ts';
import { findOutcomes, type OutcomeRow } from './sql/find-outcomes.ts';
import { isEnded, type EndedExecutionState, type ExecutionState, type StepState } from './states.ts';

/** How an execution ended. A failure is an answer here, not an exception. */
export interface ExecutionOutcome {
  readonly executionId: string;
  readonly state: EndedExecutionState;
  /** The result of the last step of the plan; null when the execution failed. */
  readonly result: JsonValue;
  readonly error: { readonly code: string; readonly message: string; readonly traceback: string } | null;
}

/** One change that a watcher sees. Several changes between two looks are seen as one. */
export type ExecutionChange =
  | { readonly kind: 'execution'; readonly executionId: string; readonly state: ExecutionState }
  | {
      readonly kind: 'step';
      readonly executionId: string;
      readonly position: number;
      readonly description: string;
      readonly state: StepState;
      readonly attempt: number;
      readonly progress: JsonValue;
    };

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Ends the wait for the next look early, when this process knows that something has changed. */
  readonly pause: (ms: number) => Promise<void>;
  /** Shared by all who wait in this process. */
  readonly looks?: OutcomeLooks;
  /** It was started just now, so that the first look comes after a pause. */
  readonly isNew?: boolean;
}

const firstPauseMs = 20;
const longestPauseMs = 500;
/** Pauses end at multiples of it, so that those who wait at the same time look in one statement. */
const lookEveryMs = 10;

/**
 * Waits until an execution has ended.
 *
 * @throws EXECUTION_NOT_FOUND, or RESULT_TIMEOUT when it goes on for longer than the timeout.
 */
export async function awaitExecution(
  connection: Connection,
  executionId: string,
  options: WaitOptions,
): Promise<ExecutionOutcome> {
  const deadline = performance.now() + options.timeoutMs;
  if (options.isNew === true) await options.pause(firstPauseMs);
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestPauseMs)) {
    const found = await look(connection, executionId, options.looks);
    if (isEnded(found.state)) {
      return { executionId, state: found.state, result: found.result, error: found.error };
    }
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      const { executor, currentStep } = await getExecution(connection, executionId);
      throw new ReeveError(
        'RESULT_TIMEOUT',
        `execution ${executionId} of "${executor}" is still "${found.state}" after ${formatMs(options.timeoutMs)}, at step "${currentStep ?? ''}"`,
        { retryable: true, details: { executionId, state: found.state } },
      );
    }
    const wakeAt = performance.now() + pauseMs;
    await options.pause(Math.min(pauseMs + lookEveryMs - (wakeAt % lookEveryMs), leftMs));
  }
}

async function look(connection: Connection, executionId: string, looks: OutcomeLooks | undefined): Promise<OutcomeRow> {
  if (!isUuid(executionId)) throw notFound(executionId);
  const id = executionId.toLowerCase();
  const found = looks === undefined ? (await findOutcomes(connection, [id]))[0] : await looks.look(id);
  if (found === undefined) throw notFound(executionId);
  return found;
}

/** The changes of an execution from now until its end; what has happened before comes first. */
export async function* watchExecution(
  connection: Connection,
  executionId: string,
  pause: (ms: number) => Promise<void>,
): AsyncGenerator<ExecutionChange, void, undefined> {
  const seen = new Map<number, string>();
  let state: ExecutionState | undefined;
  for (;;) {
    const execution = await getExecution(connection, executionId);
    for (const step of await listSteps(connection, executionId)) {
      if (step.kind === 'join') continue;
      const shown = JSON.stringify([step.state, step.attempt, step.progress]);
      const isNews = seen.get(step.position) !== shown && !(step.state === 'pending' && !seen.has(step.position));
      seen.set(step.position, shown);
      if (isNews) yield stepChange(executionId, step);
    }
    if (execution.state !== state) yield { kind: 'execution', executionId, state: execution.state };
    state = execution.state;
    if (isEnded(execution.state)) return;
    await pause(longestPauseMs / 4);
  }
}

/** @throws EXECUTION_NOT_FOUND */
export async function getExecution(connection: Connection, executionId: string): Promise<ExecutionView> {
  const execution = isUuid(executionId) ? await findExecution(connection, executionId) : undefined;
  if (execution !== undefined) return execution;
  throw notFound(executionId);
}

function notFound(executionId: string): ReeveError {
  return new ReeveError('EXECUTION_NOT_FOUND', `there is no execution ${executionId}`, { details: { executionId } });
}

function stepChange(executionId: string, step: StepView): ExecutionChange {
  const { position, description, state, attempt, progress } = step;
  return { kind: 'step', executionId, position, description, state, attempt, progress };
}
