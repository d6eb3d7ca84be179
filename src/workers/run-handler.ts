import { ReeveError } from '../core/errors.ts';
import { formatMs } from '../core/duration.ts';
import type { Logger } from '../core/logging.ts';
import { stepRun, type StepSurroundings } from '../executors/step-run.ts';
import type { HandlerAnswer } from '../tasks/step-handler.ts';
import type { ActiveClaim } from './active-claims.ts';
import { ledgerEngine, type LedgerEngineOptions } from './ledger-engine.ts';
import { runIsolated, type Isolation } from './run-isolated.ts';

export interface RunEnvironment extends LedgerEngineOptions, StepSurroundings {
  readonly logger: Logger;
  /** How long the step is given to end by itself after a cancel. */
  readonly cancelGraceMs: number;
  /** Undefined: every step runs in this process. */
  readonly isolation: Isolation | undefined;
}

/**
 * Runs the handler of a claimed step within its limits, here or where its isolation says. At the soft limit the signal is
 * aborted; at the hard limit the attempt is over, whatever the code still does: its token is spent, so nothing of it can be
 * written, and a thread or process of its own is ended. A cancel is both, one after the other: the signal at once, the end
 * of the attempt after the grace.
 */
export async function runHandler(claim: ActiveClaim, environment: RunEnvironment): Promise<HandlerAnswer> {
  const { step, signal } = claim;
  const { isolation, logger, tasks, cancelGraceMs } = environment;
  const attempt = { step, signal, logger, engine: ledgerEngine(step, environment) };
  const kind = isolation?.rules.kindOf(step);
  if (isolation !== undefined && kind !== undefined) {
    const within = (work: () => Promise<HandlerAnswer>) => withinLimits(claim, cancelGraceMs, work);
    return runIsolated(claim, attempt, { pool: isolation.pool, kind, within });
  }
  const handler = tasks.handler(step.task);
  return withinLimits(claim, cancelGraceMs, () => handler(stepRun(attempt, environment)));
}

async function withinLimits(
  claim: ActiveClaim,
  cancelGraceMs: number,
  work: () => Promise<HandlerAnswer>,
): Promise<HandlerAnswer> {
  const { softTimeLimitMs, timeLimitMs } = claim.step.policy;
  const timers: NodeJS.Timeout[] = [];
  if (softTimeLimitMs !== null) timers.push(setTimeout(() => claim.abort('soft-limit'), softTimeLimitMs));
  let ended = false;
  const overdue = new Promise<never>((_resolve, reject) => {
    const giveGrace = (): void => {
      if (!ended) timers.push(setTimeout(() => reject(ignoredCancel(claim, cancelGraceMs)), cancelGraceMs));
    };
    if (claim.canceled.aborted) giveGrace();
    else claim.canceled.addEventListener('abort', giveGrace);
    if (timeLimitMs === null) return;
    timers.push(
      setTimeout(() => {
        claim.abort('hard-limit');
        reject(timedOut(claim, timeLimitMs));
      }, timeLimitMs),
    );
  });
  try {
    const answer = work();
    answer.catch(() => undefined);
    return await Promise.race([answer, overdue]);
  } catch (error) {
    if (claim.cause === 'soft-limit' && softTimeLimitMs !== null && error === claim.signal.reason) {
      throw timedOut(claim, softTimeLimitMs);
    }
    throw error;
  } finally {
    ended = true;
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Neither passing nor lasting: tried again exactly where the step has a retry policy of its own. */
function timedOut(claim: ActiveClaim, limitMs: number): Error {
  const error = new ReeveError(
    'TASK_TIMED_OUT',
    `step ${claim.step.position + 1} "${claim.step.description}" did not end within ${formatMs(limitMs)}`,
  );
  return Object.defineProperty(error, 'retryable', { value: undefined });
}

function ignoredCancel(claim: ActiveClaim, graceMs: number): Error {
  return new ReeveError(
    'EXECUTION_CANCELED',
    `step ${claim.step.position + 1} "${claim.step.description}" did not end within ${formatMs(graceMs)} after the cancel; what its code still does outside is unknown`,
  );
}
