import type { Logger } from '../core/logging.ts';
import { stepsEnded, stepSeconds } from '../core/metrics.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';

/** A logger whose every line names execution, step, attempt and resource, and who asked. */
export function stepLogger(logger: Logger, step: ClaimedStep): Logger {
  return logger.child({
    execution: step.executionId,
    executor: step.executor,
    step: step.position,
    task: step.task,
    description: step.description,
    attempt: step.attempt,
    queue: step.queue,
    ...(step.resourceType === null ? {} : { resource: `${step.resourceType}/${step.resourceId}` }),
    ...(isEmpty(step.context) ? {} : { context: step.context }),
  });
}

/** One line for each end of an attempt, and its place in the metrics; what runs in the background, and polls, speak only when something is wrong. */
export function logOutcome(logger: Logger, step: ClaimedStep, answer: FinishAnswer): void {
  const durationMs = Date.now() - step.claimedAt.getTime();
  const { queue, task } = step;
  stepSeconds.observe({ queue }, Math.max(0, durationMs) / 1_000);
  stepsEnded.inc({ queue, task, outcome: answer.kind === 'stale' ? 'stale' : answer.outcome.kind });
  if (answer.kind === 'stale') {
    logger.warn({ event: 'step.stale', durationMs }, 'the step was taken over; nothing of this attempt was written');
    return;
  }
  const { outcome } = answer;
  const text = `step ${step.position + 1} ${step.description}`;
  const fields = { event: `step.${outcome.kind}`, outcome: outcome.kind, durationMs };
  if (outcome.kind === 'failed') {
    logger.error({ ...fields, err: outcome.error }, `${text} failed: ${outcome.error.message}`);
  } else if (outcome.kind === 'retry') {
    const { error, delayMs } = outcome;
    logger.warn({ ...fields, err: error, delayMs }, `${text} is tried again in ${delayMs} ms: ${error.message}`);
  } else if (outcome.kind === 'crashed') {
    logger.warn({ ...fields, err: outcome.error }, `${text} goes on after a crash: ${outcome.error.message}`);
  } else if (outcome.kind === 'again' || step.queue === 'background') {
    logger.debug(fields, `${text} ${outcome.kind}`);
  } else {
    logger.info(fields, `${text} ${outcome.kind}`);
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}
