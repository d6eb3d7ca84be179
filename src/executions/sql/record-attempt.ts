import { errorJson } from '../../core/stored-error.ts';
import type { ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';
import type { StepOutcome } from '../step-outcome.ts';

const outcomeWords = {
  succeeded: 'succeeded',
  failed: 'failed',
  retry: 'retried',
  again: 'polled',
  await: 'polled',
  crashed: 'crashed',
  released: 'released',
  canceled: 'canceled',
} as const;

/**
 * Writes down how an attempt ended. Its token tells later, when the answer to a COMMIT was lost, whether the
 * completion is there. The polls of one step share one row. Locks nothing that others want.
 */
export async function recordAttempt(connection: Connection, step: ClaimedStep, outcome: StepOutcome): Promise<void> {
  const { schema } = connection;
  const error = 'error' in outcome && outcome.error !== undefined ? JSON.stringify(errorJson(outcome.error)) : null;
  const isPoll = outcome.kind === 'again' || outcome.kind === 'await';
  if (isPoll) {
    const { count } = await connection.query(
      `UPDATE ${schema}.attempt SET polls = polls + 1, ended_at = ${schema}.clock(), claim_token = $3, worker_id = $4,
         error = $5::jsonb
       WHERE execution_id = $1 AND position = $2 AND outcome = 'polled'`,
      [step.executionId, step.position, step.token, step.workerId, error],
    );
    if (count > 0) return;
  }
  await connection.query(
    `INSERT INTO ${schema}.attempt
       (execution_id, position, fence, claim_token, number, worker_id, outcome, polls, error, started_at, ended_at)
     SELECT execution_id, position, $3, $4, $5, $6, $7, $8, $9::jsonb, claimed_at, ${schema}.clock()
     FROM ${schema}.step WHERE execution_id = $1 AND position = $2`,
    [
      step.executionId,
      step.position,
      step.fence,
      step.token,
      step.attempt,
      step.workerId,
      outcomeWords[outcome.kind],
      isPoll ? 1 : 0,
      error,
    ],
  );
}
