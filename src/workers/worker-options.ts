import { durationMs, type Duration } from '../core/duration.ts';
import { problemsError } from '../core/errors.ts';
import { unknownOptions } from '../core/options.ts';
import type { Continuation } from './job-turn.ts';

/** The times by which a crash heals. Shorter ones heal sooner and cost more statements. */
export interface TimingOptions {
  /** How long a worker holds a step without a sign of life. Default `30s`. A dead worker's steps go on after it. */
  readonly lease?: Duration;
  /** How often a process renews its leases. Default a third of the lease. */
  readonly heartbeat?: Duration;
  /** How often expired leases are looked for. Default `5s`. */
  readonly reaper?: Duration;
  /** How often the relay looks for unpublished steps without being asked. Default `1s`. */
  readonly relay?: Duration;
  /** The longest pause of the due loop; it wakes by itself for the next due time. Default `1s`. */
  readonly due?: Duration;
  /** How often ledger and broker are compared. Default `10s`. */
  readonly reconciler?: Duration;
  /** How long a published step is given before it is asked for. Default `30s`. */
  readonly grace?: Duration;
  /** How often a step may lose its worker before it is failed. Default 3. */
  readonly maxCrashes?: number;
  /** How long a running step is given to end by itself after its execution was canceled. Default `60s`. */
  readonly cancelGrace?: Duration;
}

export interface Timing {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly reaperMs: number;
  readonly relayMs: number;
  readonly dueMs: number;
  readonly reconcilerMs: number;
  readonly graceMs: number;
  readonly maxCrashes: number;
  readonly cancelGraceMs: number;
}

/** @throws CONFIGURATION_INVALID with all problems: a heartbeat that is not well below the lease, a bad duration. */
export function parseTiming(options: TimingOptions): Timing {
  const leaseMs = durationMs(options.lease ?? '30s', 'timing.lease');
  const timing: Timing = {
    leaseMs,
    heartbeatMs: options.heartbeat === undefined ? leaseMs / 3 : durationMs(options.heartbeat, 'timing.heartbeat'),
    reaperMs: durationMs(options.reaper ?? '5s', 'timing.reaper'),
    relayMs: durationMs(options.relay ?? '1s', 'timing.relay'),
    dueMs: durationMs(options.due ?? '1s', 'timing.due'),
    reconcilerMs: durationMs(options.reconciler ?? '10s', 'timing.reconciler'),
    graceMs: durationMs(options.grace ?? '30s', 'timing.grace'),
    maxCrashes: options.maxCrashes ?? 3,
    cancelGraceMs: durationMs(options.cancelGrace ?? '60s', 'timing.cancelGrace'),
  };
  const problems: string[] = [];
  if (timing.leaseMs < 500) problems.push(`timing.lease is ${timing.leaseMs} ms; use at least 500 ms`);
  if (timing.heartbeatMs > timing.leaseMs / 2) {
    problems.push(
      `timing.heartbeat is ${timing.heartbeatMs} ms; use at most half of the lease of ${timing.leaseMs} ms`,
    );
  }
  if (!Number.isInteger(timing.maxCrashes) || timing.maxCrashes < 1) {
    problems.push(`timing.maxCrashes is ${timing.maxCrashes}; use a whole number from 1`);
  }
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The timing is wrong', problems);
  return timing;
}

export interface ContinuationOptions {
  /** The most steps in a row, 2 to 1000. Default 50. */
  readonly steps?: number;
  /** After this long no further step is begun. Default `1s`. */
  readonly time?: Duration;
}

/** @throws CONFIGURATION_INVALID for a number of steps that is out of range, a bad duration, an unknown option. */
export function parseContinuation(options: ContinuationOptions | false): Continuation | null {
  if (options === false) return null;
  const problems = unknownOptions(options, ['steps', 'time'], 'continuation');
  const steps = options.steps ?? 50;
  if (!Number.isInteger(steps) || steps < 2 || steps > 1_000) {
    problems.push(`continuation.steps is ${steps}; use a whole number from 2 to 1000, or continuation: false`);
  }
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The continuation is wrong', problems);
  return { steps, ms: durationMs(options.time ?? '1s', 'continuation.time') };
}
