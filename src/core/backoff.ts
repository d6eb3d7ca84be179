import { durationMs, type Duration } from './duration.ts';
import { ReeveError } from './errors.ts';

/** How often and how soon a failed step is tried again. */
export interface RetryOptions {
  /** All attempts together, the first included: 1 to 1000. Default 5. */
  readonly attempts?: number;
  /** Whether the wait doubles (`exponential`), stays the same (`fixed`) or grows evenly (`linear`). Default exponential. */
  readonly backoff?: 'exponential' | 'fixed' | 'linear';
  /** The wait before the second attempt. Default `1s`. */
  readonly delay?: Duration;
  /** The longest wait. Default `5m`, or `delay` where that is longer. */
  readonly maxDelay?: Duration;
  /** The share of the wait that is random, from 0 to 1, so that many failures do not come back at once. Default 0.2. */
  readonly jitter?: number;
}

/** A retry policy as a step stores it. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly backoff: 'exponential' | 'fixed' | 'linear';
  readonly delayMs: number;
  readonly maxDelayMs: number;
  readonly jitter: number;
  /** `any`: every error that is not marked permanent; `transient`: only those marked `retryable`; `always`: all. */
  readonly retries: 'any' | 'transient' | 'always';
}

/** Without a policy of its own a step repeats only what is marked as transient, five times at most. */
const RETRY_DEFAULTS: RetryPolicy = Object.freeze({
  attempts: 5,
  backoff: 'exponential',
  delayMs: 1_000,
  maxDelayMs: 300_000,
  jitter: 0.2,
  retries: 'transient',
});

export function parseRetry(options: RetryOptions | undefined, subject: string): RetryPolicy {
  if (options === undefined) return RETRY_DEFAULTS;
  const delayMs =
    options.delay === undefined ? RETRY_DEFAULTS.delayMs : durationMs(options.delay, `${subject}.retry.delay`);
  const policy: RetryPolicy = {
    attempts: options.attempts ?? RETRY_DEFAULTS.attempts,
    backoff: options.backoff ?? RETRY_DEFAULTS.backoff,
    delayMs,
    maxDelayMs:
      options.maxDelay === undefined
        ? Math.max(RETRY_DEFAULTS.maxDelayMs, delayMs)
        : durationMs(options.maxDelay, `${subject}.retry.maxDelay`),
    jitter: options.jitter ?? RETRY_DEFAULTS.jitter,
    retries: 'any',
  };
  if (!Number.isInteger(policy.attempts) || policy.attempts < 1 || policy.attempts > 1_000) {
    throw new ReeveError('CONFIGURATION_INVALID', `${subject}.retry.attempts is ${policy.attempts}; use 1 to 1000`);
  }
  if (!(policy.jitter >= 0 && policy.jitter <= 1)) {
    throw new ReeveError('CONFIGURATION_INVALID', `${subject}.retry.jitter is ${policy.jitter}; use 0 to 1`);
  }
  if (!['exponential', 'fixed', 'linear'].includes(policy.backoff)) {
    throw new ReeveError(
      'CONFIGURATION_INVALID',
      `${subject}.retry.backoff is "${policy.backoff}"; use "exponential", "linear" or "fixed"`,
    );
  }
  return policy;
}

/**
 * The wait in milliseconds before the attempt after attempt number `attempt` (1 is the first).
 *
 * @param random - From 0 to 1; the jitter only shortens the wait, so `maxDelayMs` is never passed.
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number = Math.random()): number {
  const factor = { fixed: 1, linear: attempt, exponential: 2 ** Math.min(attempt - 1, 40) }[policy.backoff];
  const full = Math.min(policy.delayMs * factor, policy.maxDelayMs);
  return Math.round(full * (1 - policy.jitter * random));
}
