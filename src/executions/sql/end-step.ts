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

/**
 * Ends a claim: the step becomes what the outcome says and the token is gone. Locks the step row, by primary key.
 * False, with nothing written, when the token no longer holds the step, or (with `expiredOnly`, for the reaper) when
 * its lease was renewed in the meantime.
 */
export async function endStep(
  connection: Connection,
  step: ClaimedStep,
  outcome: StepOutcome,
  expiredOnly: boolean,
): Promise<boolean> {
  const { schema } = connection;
  const change = stepChange(step, outcome);
  const { count } = await connection.query(
    `UPDATE ${schema}.step AS s
     SET state = $4, claim_token = NULL, lease_until = NULL, worker_id = CASE WHEN $4 = 'delayed' THEN NULL ELSE worker_id END,
       attempt = s.attempt - $5, crashes = s.crashes + $6,
       run_at = CASE WHEN $4 = 'delayed' THEN now.at + $7 * interval '1 millisecond' END,
       finished_at = CASE WHEN $4 NOT IN ('delayed', 'waiting') THEN now.at END,
       waiting_for = CASE WHEN $4 = 'waiting' THEN 'child' END,
       result = $8::jsonb, error = $9::jsonb, poll = $10::jsonb, progress = NULL
     FROM (SELECT ${schema}.clock() AS at) AS now
     WHERE s.execution_id = $1 AND s.position = $2 AND s.claim_token = $3 AND s.state = 'running'
       AND (NOT $11 OR s.lease_until < now.at)`,
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
    ],
  );
  return count === 1;
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
