import { durationMs, type Duration } from './core/duration.ts';
import { problemsError } from './core/errors.ts';
import { unknownOptions } from './core/options.ts';
import { VERB_LIMITS, type VerbLimits } from './moo/sandbox/limits.ts';

export interface VerbOptions {
  /** Wall time of a task. Default: the environment's REEVE_VERB_TIME_LIMIT (seconds), else `3s`. */
  readonly timeLimit?: Duration;
  readonly limits?: Partial<Omit<VerbLimits, 'timeLimitMs'>>;
  /** The folder of verb files that `@reload` reads again. */
  readonly folder?: string;
}

export interface ResolvedVerbOptions {
  readonly limits: VerbLimits;
  readonly folder: string | undefined;
}

/** @throws CONFIGURATION_INVALID with all problems. */
export function parseVerbOptions(options: VerbOptions): ResolvedVerbOptions {
  const limits = options.limits ?? {};
  const problems = [
    ...unknownOptions(options, ['timeLimit', 'limits', 'folder'], 'verbs'),
    ...unknownOptions(
      limits,
      Object.keys(VERB_LIMITS).filter((key) => key !== 'timeLimitMs'),
      'verbs.limits',
    ),
    ...Object.entries(limits).flatMap(([key, value]) =>
      typeof value === 'number' && Number.isInteger(value) && value >= (key === 'ticks' ? 0 : 1)
        ? []
        : [`verbs.limits.${key} is ${String(value)}; use a whole number from 1`],
    ),
  ];
  const environment = process.env['REEVE_VERB_TIME_LIMIT'];
  const fromEnvironment = environment === undefined || environment === '' ? '3s' : (`${environment}s` as Duration);
  const timeLimitMs = durationMs(options.timeLimit ?? fromEnvironment, 'verbs.timeLimit');
  if (timeLimitMs < 50 || timeLimitMs > 600_000)
    problems.push(`verbs.timeLimit is ${timeLimitMs} ms; use 50 ms to 10m`);
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'The options of verbs are wrong', problems);
  const cpuMs = Math.max(VERB_LIMITS.cpuMs, Math.ceil((timeLimitMs * 2) / 3));
  return { limits: { ...VERB_LIMITS, cpuMs, ...limits, timeLimitMs }, folder: options.folder };
}
