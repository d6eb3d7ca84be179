import { parseRetry, type RetryOptions } from '../core/backoff.ts';
import { durationMs, type Duration } from '../core/duration.ts';
import { ReeveError } from '../core/errors.ts';
import type { PollPolicy, StepPolicy } from '../executions/step-plan.ts';

/** How long and how often a step may run. */
export interface LimitOptions {
  /** Without it only errors marked `retryable` are tried again, five attempts at most. With it every error is. */
  readonly retry?: RetryOptions;
  /** When `ctx.signal` is aborted, so that the code can end in order. Default: never. */
  readonly softTimeLimit?: Duration;
  /** When the attempt counts as failed, whatever its code does. Default: never. */
  readonly timeLimit?: Duration;
  /** Whether a shutdown may take the step back at once; its attempt is not counted. Default false. */
  readonly interruptible?: boolean;
}

/** @throws CONFIGURATION_INVALID for a duration or a retry policy out of range. */
export function parseLimits(options: LimitOptions, subject: string, poll: PollPolicy | null = null): StepPolicy {
  const limit = (value: Duration | undefined, name: string): number | null =>
    value === undefined ? null : timerMs(value, `${subject}.${name}`);
  return {
    retry: parseRetry(options.retry, subject),
    softTimeLimitMs: limit(options.softTimeLimit, 'softTimeLimit'),
    timeLimitMs: limit(options.timeLimit, 'timeLimit'),
    interruptible: options.interruptible ?? false,
    poll,
  };
}

/** The longest time that a timer of Node can hold, a little under 25 days. */
const longestTimerMs = 2_147_483_647;

function timerMs(value: Duration, name: string): number {
  const ms = durationMs(value, name);
  if (ms > 0 && ms <= longestTimerMs) return ms;
  throw new ReeveError('CONFIGURATION_INVALID', `${name} is ${value}; use more than 0 and less than 24d`);
}
