import { ReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import type { Completions } from '../executions/completions.ts';
import type { FinishAnswer } from '../executions/finish-step.ts';
import { CommitUnknown, type LedgerPool } from '../executions/ledger-pool.ts';
import { isConnectionError, isRefusal, sqlState } from '../executions/sql-state.ts';
import { findStepOfToken } from '../executions/sql/find-claimed-step.ts';
import { isAttemptRecorded } from '../executions/sql/is-attempt-recorded.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import type { ActiveClaim } from './active-claims.ts';
import { outcomeOfStoredError } from './decide-outcome.ts';

export interface CompletionEnvironment {
  readonly pool: LedgerPool;
  readonly completions: Completions;
  readonly logger: Logger;
  /** With what the step behind it is claimed at once; null: it is left to the queue. */
  readonly nextToken: string | null;
}

/**
 * Writes the outcome of an attempt, as often as it takes: a lost connection, a full disk, a lock that somebody holds for
 * minutes are waited out while the heartbeat holds the lease. After a COMMIT without an answer the attempt row tells
 * whether the completion is there. Only what the database refuses to store (a constraint on the user's row) becomes a
 * failure of the attempt, which can always be stored.
 */
export async function completeStep(
  claim: ActiveClaim,
  outcome: StepOutcome,
  environment: CompletionEnvironment,
): Promise<FinishAnswer> {
  const { pool, completions, logger, nextToken } = environment;
  let current = outcome;
  let commitUnknown = false;
  for (let tries = 1; ; tries += 1) {
    try {
      const answer = await completions.finish(claim.step, current, nextToken);
      const mine = answer.kind === 'stale' && commitUnknown && (await isAttemptRecorded(pool, claim.step));
      return mine ? await finishedUnheard(claim.step, current, environment) : answer;
    } catch (error) {
      commitUnknown ||= error instanceof CommitUnknown;
      if (isPassing(error)) {
        logger.debug({ event: 'step.completion.waits', err: storeError(error) }, 'the completion waits for the ledger');
      } else {
        current = refusedOutcome(claim, current, error);
      }
    }
    // After a COMMIT without an answer a token that is gone may have gone by that very COMMIT.
    if (claim.cause === 'lost' && !commitUnknown) return { kind: 'stale' };
    await pause(tries);
  }
}

/** What a completion is answered whose own answer was lost; it may have claimed the next step, or one of another execution. */
async function finishedUnheard(
  { workerId }: ClaimedStep,
  outcome: StepOutcome,
  { pool, nextToken }: CompletionEnvironment,
): Promise<FinishAnswer> {
  const answer = { kind: 'finished', outcome, ready: [] } as const;
  if (nextToken === null || workerId === null) return answer;
  const continued = await findStepOfToken(pool, workerId, nextToken);
  return continued === undefined ? answer : { ...answer, continued };
}

function isPassing(error: unknown): boolean {
  if (error instanceof CommitUnknown || isConnectionError(error)) return true;
  return sqlState(error) !== undefined && !isRefusal(error);
}

function refusedOutcome(claim: ActiveClaim, outcome: StepOutcome, error: unknown): StepOutcome {
  const stored = storeError(error, 'FINALISER_FAILED');
  const state = sqlState(error);
  if (outcome.kind === 'succeeded') {
    const refused = new ReeveError(
      'FINALISER_FAILED',
      `the completion of step ${claim.step.position + 1} "${claim.step.description}" was refused${state === undefined ? '' : ` (SQLSTATE ${state})`}: ${stored.message}`,
      { cause: error },
    );
    return outcomeOfStoredError(claim.step, { ...storeError(refused), permanent: false });
  }
  if (outcome.kind === 'failed' && outcome.error.code === 'FINALISER_FAILED' && outcome.error.traceback === '')
    throw error;
  const message = `the failure could not be stored${state === undefined ? '' : ` (SQLSTATE ${state})`}`;
  return {
    kind: 'failed',
    error: { code: 'FINALISER_FAILED', message, traceback: '', retryable: false, permanent: true },
  };
}

async function pause(tries: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, Math.min(50 * 2 ** Math.min(tries, 6), 2_000));
  });
}
