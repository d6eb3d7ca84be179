import { durationMs, type Duration } from '../core/duration.ts';
import { problemsError } from '../core/errors.ts';
import { toJson, type JsonValue } from '../core/json.ts';
import type { PollPolicy } from '../executions/step-plan.ts';

const defaultEveryMs = 5_000;
const defaultTolerate = 3;

/** @throws PLAN_INVALID for a poll without a timeout or with a tolerance that is no count. */
export function parsePoll(options: Readonly<Record<string, unknown>>, subject: string): PollPolicy {
  const problems: string[] = [];
  const { timeout, tolerate = defaultTolerate } = options;
  if (timeout === undefined) problems.push(`${subject} is a poll without "timeout"; a poll must end one day`);
  if (!Number.isInteger(tolerate) || Number(tolerate) < 0) {
    problems.push(`${subject} has tolerate: ${String(tolerate)}; use a count from 0`);
  }
  if (problems.length > 0) throw problemsError('PLAN_INVALID', 'A plan is wrong', problems);
  const everyMs =
    options['every'] === undefined ? defaultEveryMs : durationMs(options['every'] as Duration, `${subject}.every`);
  const maxEveryMs =
    options['maxEvery'] === undefined ? everyMs : durationMs(options['maxEvery'] as Duration, `${subject}.maxEvery`);
  return {
    everyMs,
    maxEveryMs: Math.max(everyMs, maxEveryMs),
    timeoutMs: durationMs(timeout as Duration, `${subject}.timeout`),
    until: values(options['until'] ?? true, subject),
    failOn: values(options['failOn'] ?? [], subject),
    goneOn: values(options['goneOn'] ?? [], subject),
    tolerate: Number(tolerate),
  };
}

function values(value: unknown, subject: string): readonly JsonValue[] {
  return toJson(Array.isArray(value) ? value : [value], `The awaited values of ${subject}`) as readonly JsonValue[];
}
