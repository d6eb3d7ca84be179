import type { IsolationKind } from '../core/isolation.ts';
import { ReeveError } from '../core/errors.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import { storeError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { Attempt } from '../executors/step-run.ts';
import type { IsolatedCrash } from '../isolation/isolated-side.ts';
import type { IsolationPool } from '../isolation/isolation-pool.ts';
import type { IsolationRules } from '../isolation/isolation-rules.ts';
import type { HandlerAnswer } from '../tasks/step-handler.ts';
import type { ActiveClaim } from './active-claims.ts';

/** Where steps of this process run that do not run in it. */
export interface Isolation {
  readonly rules: IsolationRules;
  readonly pool: IsolationPool;
}

export interface IsolatedWay {
  readonly pool: IsolationPool;
  readonly kind: IsolationKind;
  /** Puts the limits of the step around its code; they begin with it, not with the start of its thread. */
  readonly within: (work: () => Promise<HandlerAnswer>) => Promise<HandlerAnswer>;
}

/**
 * Runs a step in a thread or process. Whoever answers is used again; whoever has to be stopped, at the hard limit, after an
 * ignored cancel, because the step is lost or its worker ends, is killed.
 *
 * @throws {@link IsolatedCrash} when the thread or process ends by itself.
 */
export async function runIsolated(claim: ActiveClaim, attempt: Attempt, way: IsolatedWay): Promise<HandlerAnswer> {
  const { pool, kind, within } = way;
  const side = await pool.take(kind, claim.signal);
  let hasAnswered = false;
  const over = Promise.withResolvers<never>();
  over.promise.catch(() => undefined);
  const end = (): void => over.reject(claim.signal.reason ?? stopped(claim));
  claim.over.addEventListener('abort', end);
  try {
    if (claim.over.aborted) end();
    return await within(async () => {
      const run = side.run(attempt);
      const settled = run.finally(() => (hasAnswered = true));
      settled.catch(() => undefined);
      return Promise.race([settled, over.promise]);
    });
  } finally {
    claim.over.removeEventListener('abort', end);
    if (hasAnswered) pool.give(side);
    else pool.kill(side, causeOf(claim));
  }
}

/** What the end of a thread or process means: the step goes on in another, or is given up after its last one. */
export function outcomeOfCrash(step: ClaimedStep, crash: IsolatedCrash, maxCrashes: number): StepOutcome {
  const crashes = step.crashes + 1;
  const isLast = crashes >= maxCrashes;
  const advice = isLast && maxCrashes > 1 ? '; nothing else ran in it' : '';
  const error = storeError(
    new ReeveError(
      'TASK_CRASHED',
      `step ${step.position + 1} "${step.description}": ${crash.message} (${crashes} of ${maxCrashes}${advice})`,
    ),
  );
  return isLast ? { kind: 'failed', error } : { kind: 'crashed', error, delayMs: 0 };
}

function causeOf({ cause }: ActiveClaim): 'limit' | 'canceled' | 'lost' | 'shutdown' {
  if (cause === 'lost' || cause === 'shutdown') return cause;
  return cause === 'cancel' ? 'canceled' : 'limit';
}

function stopped({ step }: ActiveClaim): Error {
  return new ReeveError('TASK_TIMED_OUT', `step ${step.position + 1} "${step.description}" was stopped`);
}
