import { errorJson } from '../../core/stored-error.ts';
import type { JsonValue } from '../../core/json.ts';
import type { ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';
import type { StepOutcome } from '../step-outcome.ts';

interface StepChange {
  readonly state: 'succeeded' | 'failed' | 'delayed' | 'waiting' | 'canceled';
  readonly attemptBack: 0 | 1;
  readonly crash: 0 | 1;
  readonly delayMs: number;
  readonly result: JsonValue;
  readonly error: JsonValue;
  readonly poll: JsonValue;
}

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

export interface StepEnd {
  readonly step: ClaimedStep;
  /** How the attempt ended. */
  readonly outcome: StepOutcome;
  /** What becomes of the step. */
  readonly change: StepOutcome;
  /** For the reaper: nothing is written when the lease was renewed in the meantime. */
  readonly expiredOnly: boolean;
}

/**
 * Ends a claim: the step becomes what the outcome says, the token is gone, and the attempt is written down, at one
 * reading of the clock. The token of the attempt tells later, when the answer to a COMMIT was lost, whether the
 * completion is there. The polls of one step share one attempt. Locks the step row, by primary key.
 *
 * False, with nothing written, when the token no longer holds the step.
 */
export async function endStep(
  connection: Connection,
  { step, outcome, change: changeTo, expiredOnly }: StepEnd,
): Promise<boolean> {
  const { schema } = connection;
  const change = stepChange(step, changeTo);
  const error = 'error' in outcome && outcome.error !== undefined ? errorJson(outcome.error) : null;
  const isPoll = outcome.kind === 'again' || outcome.kind === 'await';
  const { rows } = await connection.query(
    `WITH now AS MATERIALIZED (SELECT ${schema}.clock() AS at
     ), ended AS (UPDATE ${schema}.step AS s
     SET state = $4, claim_token = NULL, lease_until = NULL, worker_id = CASE WHEN $4 = 'delayed' THEN NULL ELSE worker_id END,
       attempt = s.attempt - $5, crashes = s.crashes + $6,
       run_at = CASE WHEN $4 = 'delayed' THEN now.at + $7 * interval '1 millisecond' END,
       finished_at = CASE WHEN $4 NOT IN ('delayed', 'waiting') THEN now.at END,
       waiting_for = CASE WHEN $4 = 'waiting' THEN 'child' END,
       result = $8::jsonb, error = $9::jsonb, poll = $10::jsonb, progress = NULL
     FROM now WHERE s.execution_id = $1 AND s.position = $2 AND s.claim_token = $3 AND s.state = 'running'
       AND (NOT $11 OR s.lease_until < now.at)
     RETURNING s.execution_id, s.position, s.claimed_at, now.at
     ), polled AS (
       UPDATE ${schema}.attempt AS a SET polls = a.polls + 1, ended_at = ended.at, claim_token = $3, worker_id = $14,
         error = $17::jsonb
       FROM ended WHERE $16 > 0 AND a.execution_id = ended.execution_id AND a.position = ended.position
         AND a.outcome = 'polled'
       RETURNING 1
     ), noted AS (
       INSERT INTO ${schema}.attempt
         (execution_id, position, fence, claim_token, number, worker_id, outcome, polls, error, started_at, ended_at)
       SELECT execution_id, position, $12, $3, $13, $14, $15, $16, $17::jsonb, claimed_at, at
       FROM ended WHERE NOT EXISTS (SELECT 1 FROM polled)
     )
     SELECT 1 FROM ended`,
    [
      step.executionId,
      step.position,
      step.token,
      change.state,
      change.attemptBack,
      change.crash,
      change.delayMs,
      jsonOrNull(change.result),
      jsonOrNull(change.error),
      jsonOrNull(change.poll),
      expiredOnly,
      step.fence,
      step.attempt,
      step.workerId,
      outcomeWords[outcome.kind],
      isPoll ? 1 : 0,
      jsonOrNull(error),
    ],
  );
  return rows.length === 1;
}

function stepChange(step: ClaimedStep, outcome: StepOutcome): StepChange {
  const unchanged = { attemptBack: 0, crash: 0, delayMs: 0, result: null, error: null, poll: step.poll } as const;
  switch (outcome.kind) {
    case 'succeeded':
      return { ...unchanged, state: 'succeeded', result: outcome.result, poll: outcome.poll ?? step.poll };
    case 'failed':
      return {
        ...unchanged,
        state: 'failed',
        result: outcome.result ?? null,
        error: errorJson(outcome.error),
        poll: outcome.poll ?? step.poll,
      };
    case 'retry':
      return { ...unchanged, state: 'delayed', error: errorJson(outcome.error), delayMs: outcome.delayMs };
    case 'again': {
      const error = outcome.error === undefined ? null : errorJson(outcome.error);
      return { ...unchanged, state: 'delayed', attemptBack: 1, poll: outcome.poll, delayMs: outcome.delayMs, error };
    }
    case 'crashed':
      return {
        ...unchanged,
        state: 'delayed',
        attemptBack: 1,
        crash: 1,
        error: errorJson(outcome.error),
        delayMs: outcome.delayMs,
      };
    case 'await':
      return { ...unchanged, state: 'waiting', attemptBack: 1, poll: { child: outcome.childId } };
    case 'released':
      return { ...unchanged, state: 'delayed', attemptBack: 1 };
    case 'canceled':
      return { ...unchanged, state: 'canceled', error: outcome.error === undefined ? null : errorJson(outcome.error) };
  }
}

function jsonOrNull(value: JsonValue): string | null {
  return value === null ? null : JSON.stringify(value);
}
