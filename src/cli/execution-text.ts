import { formatMs } from '../core/duration.ts';
import type { AttemptView, ExecutionView, StepView } from '../executions/read-executions.ts';
import type { OperationView } from '../executions/sql/list-operations.ts';
import { table } from './tables.ts';
import { clip, harmless, styled } from './terminal.ts';

export interface ExecutionWithSteps extends ExecutionView {
  readonly steps: readonly StepView[];
  readonly operations: readonly OperationView[];
}

const cellLength = 48;

const stateStyles: Readonly<Record<string, Parameters<typeof styled>[0]>> = {
  succeeded: 'green',
  failed: 'red',
  failing: 'red',
  canceled: 'yellow',
  canceling: 'yellow',
  running: 'cyan',
  paused: 'yellow',
};

/** Executions as a table, in the given order. */
export function executionsTable(executions: readonly ExecutionView[], now: number): string {
  if (executions.length === 0) return 'no execution';
  return table(
    ['id', 'executor', 'resource', 'state', 'steps', 'current step', 'age', 'duration'],
    executions.map((execution) => [
      execution.id,
      clip(execution.executor, cellLength),
      clip(resourceOf(execution), 64),
      stateText(execution.state),
      `${execution.stepsDone}/${execution.stepsTotal}`,
      clip(execution.currentStep ?? '–', cellLength),
      formatMs(Math.max(0, now - execution.createdAt.getTime())),
      span(execution.startedAt, execution.finishedAt, now),
    ]),
  );
}

/**
 * One execution with everything that an operator asks: header, steps, the error in full, what went wrong before.
 *
 * @param runningWorkers - `host/pid` by worker id, for the steps that run now.
 */
export function executionText(
  execution: ExecutionWithSteps,
  runningWorkers: ReadonlyMap<string, string>,
  now: number,
): string {
  const parts = [header(execution, now), stepsTable(execution.steps, runningWorkers, now)];
  if (execution.error !== null) {
    const { code, message, traceback } = execution.error;
    parts.push(`${styled(['bold', 'red'], code)} ${harmless(message)}\n${harmless(traceback)}`.trimEnd());
  }
  const troubles = execution.steps.flatMap((step) => troublesOf(step, now));
  if (troubles.length > 0) {
    const head = ['step', 'attempt', 'outcome', 'duration', 'worker', 'error'];
    parts.push(`${styled('bold', 'attempts that did not succeed')}\n${table(head, troubles)}`);
  }
  if (execution.operations.length > 0) {
    const head = ['operator', 'did', 'step', 'ago', 'reason'];
    parts.push(
      `${styled('bold', 'what operators did')}\n${table(
        head,
        execution.operations.map((done) => doneRow(done, now)),
      )}`,
    );
  }
  return parts.join('\n\n');
}

function doneRow({ at, action, by, reason, position }: OperationView, now: number): string[] {
  const step = position === null ? '' : String(position + 1);
  const ago = formatMs(Math.max(0, now - at.getTime()));
  return [clip(by ?? '–', cellLength), action, step, ago, clip(reason ?? '', 200)];
}

function header(execution: ExecutionView, now: number): string {
  const rows = [
    ['execution', execution.id],
    ['executor', `${execution.executor} (${execution.kind}, ${execution.weight})`],
    ['resource', resourceOf(execution)],
    ['state', stateText(execution.state)],
    ['steps', `${execution.stepsDone} of ${execution.stepsTotal} done`],
    ['created', `${execution.createdAt.toISOString()} (${formatMs(now - execution.createdAt.getTime())} ago)`],
    ['duration', span(execution.startedAt, execution.finishedAt, now)],
    ['input', clip(JSON.stringify(execution.input), 500)],
  ] as const;
  return rows.map(([name, value]) => `${styled('dim', name.padEnd(10))} ${value}`).join('\n');
}

/** Joins are the engine's own bookkeeping and are left out. */
function stepsTable(steps: readonly StepView[], workers: ReadonlyMap<string, string>, now: number): string {
  return table(
    ['#', 'step', 'queue', 'state', 'attempts', 'duration', 'worker', 'error'],
    steps
      .filter((step) => step.kind !== 'join')
      .map((step) => [
        String(step.position + 1),
        clip(step.description, cellLength),
        step.queue,
        stateText(step.state),
        `${step.attempt}/${step.maxAttempts}`,
        span(step.startedAt, step.finishedAt, now),
        clip(workerOf(step, workers), cellLength),
        step.error === null ? '' : clip(`${step.error.code} ${step.error.message}`, cellLength),
      ]),
  );
}

function workerOf(step: StepView, workers: ReadonlyMap<string, string>): string {
  if (step.state === 'running' && step.workerId !== null) return workers.get(step.workerId) ?? step.workerId;
  return step.attempts.at(-1)?.worker ?? '–';
}

function troublesOf(step: StepView, now: number): string[][] {
  return step.attempts
    .filter(({ outcome, error }) => outcome !== 'succeeded' && (error !== null || outcome === 'crashed'))
    .map((attempt: AttemptView) => [
      String(step.position + 1),
      String(attempt.number),
      attempt.outcome,
      span(attempt.startedAt, attempt.endedAt, now),
      clip(attempt.worker ?? attempt.workerId ?? '–', cellLength),
      attempt.error === null ? '' : clip(`${attempt.error.code} ${attempt.error.message}`, 80),
    ]);
}

function resourceOf({ resourceType, resourceId }: ExecutionView): string {
  return resourceType === null ? '–' : harmless(`${resourceType}/${resourceId ?? ''}`);
}

function stateText(state: string): string {
  const style = stateStyles[state];
  return style === undefined ? state : styled(style, state);
}

function span(from: Date | null, to: Date | null, now: number): string {
  return from === null ? '–' : formatMs(Math.max(0, (to?.getTime() ?? now) - from.getTime()));
}
