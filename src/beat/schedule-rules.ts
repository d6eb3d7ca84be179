import { createHash } from 'node:crypto';
import { durationMs, type Duration } from '../core/duration.ts';
import { isReeveError, problemsError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import { nameProblems, unknownOptions } from '../core/options.ts';
import { parseCron } from './cron.ts';
import { nextDue, type Timing } from './due-times.ts';
import { optionNames, whenNames, type StoredOptions } from './schedule-options.ts';
import { findZone, zoneNames, type Zone } from './zone.ts';

/** The shortest period that may be asked for; a cron expression cannot say a shorter one. */
const shortestPeriodMs = 1_000;

/** Options that were read and found right. */
export interface ScheduleRules {
  readonly timing: Timing;
  readonly zone: Zone;
  /** The cron expression with every `H` replaced. */
  readonly expanded: string | undefined;
  /** How much later than its timing every due time is. */
  readonly delayMs: number;
  readonly starts: number | undefined;
  readonly ends: number | undefined;
  readonly maxRuns: number | undefined;
  readonly expireMs: number | undefined;
  readonly overlap: 'skip' | 'bufferOne' | 'allow' | 'cancelRunning';
  readonly catchUp: { readonly windowMs: number; readonly limit: number };
}

const maxCatchUp = 1_000;
const policies = {
  overlap: ['skip', 'bufferOne', 'allow', 'cancelRunning'],
  gap: ['skip', 'shift'],
  fold: ['once', 'twice'],
} as const;

/**
 * Reads the options of a schedule.
 *
 * @param createdAt - What an interval without `starts` is counted from.
 * @param expanded - The stored form of `cron`, with every `H` replaced as when it was stored.
 * @throws SCHEDULE_INVALID with all problems, each with an example of what is right.
 */
export function parseRules(name: string, options: StoredOptions, createdAt: number, expanded?: string): ScheduleRules {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      if (!isReeveError(error)) throw error;
      problems.push(error.message);
      return undefined;
    }
  };
  const duration = (given: Duration | undefined, what: string): number | undefined =>
    given === undefined ? undefined : attempt(() => durationMs(given, what));
  const time = (given: string | undefined, what: string): number | undefined =>
    given === undefined ? undefined : parseTime(given, what, problems);

  problems.push(...nameProblems(name, 'the schedule'), ...unknownOptions(options, optionNames, name));
  for (const [key, known] of Object.entries(policies)) {
    const given = options[key as keyof typeof policies];
    if (given === undefined || (known as readonly string[]).includes(given)) continue;
    problems.push(`${key} is ${JSON.stringify(given)}; use ${known.map((each) => `"${each}"`).join(', ')}`);
  }
  const { maxRuns } = options;
  if (maxRuns !== undefined && (!Number.isInteger(maxRuns) || maxRuns < 1)) {
    problems.push(`maxRuns is ${JSON.stringify(maxRuns)}; use a whole number from 1`);
  }
  const starts = time(options.starts, 'starts');
  const ends = time(options.ends, 'ends');
  const zone = knownZone(options.timeZone ?? 'UTC', problems);
  const given = whenNames.filter((key) => options[key] !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
    problems.push(`write one of cron, every and at, and ${what}; for example cron: "30 3 * * *" or every: "15m"`);
  }
  const { cron: text, every, at } = options;
  const cron = text === undefined ? undefined : attempt(() => parseCron(expanded ?? checkedText(text), name));
  const everyMs = duration(every, 'every');
  if (everyMs !== undefined && everyMs < shortestPeriodMs) {
    problems.push(`every is ${JSON.stringify(every)}, below the limit of 1 s; write for example "30s"`);
  }
  const once = time(at, 'at');
  const delayMs = delayOf(name, duration(options.jitter, 'jitter') ?? 0);
  const catchUp = parseCatchUp(options.catchUp, duration, problems);
  const expireMs = duration(options.expire, 'expire');
  const timing: Timing | undefined =
    cron !== undefined && zone !== undefined
      ? {
          kind: 'cron',
          cron,
          zone,
          gap: options.gap ?? (cron.everyHour ? 'skip' : 'shift'),
          fold: options.fold ?? (cron.everyHour ? 'twice' : 'once'),
        }
      : everyMs !== undefined
        ? { kind: 'every', everyMs, anchor: starts === undefined ? createdAt : starts - everyMs }
        : once === undefined
          ? undefined
          : { kind: 'at', at: once };
  if (problems.length > 0 || timing === undefined || zone === undefined) {
    throw problemsError('SCHEDULE_INVALID', `The schedule "${name}" is wrong`, problems);
  }
  return {
    timing,
    zone,
    expanded: cron?.expanded,
    delayMs,
    starts,
    ends,
    maxRuns,
    expireMs,
    overlap: options.overlap ?? 'skip',
    catchUp,
  };
}

/** The first due time after an instant, with start, end and jitter; undefined when it never is due again. */
export function nextDueOf(rules: ScheduleRules, after: number): number | undefined {
  const from = Math.max(after - rules.delayMs, rules.starts === undefined ? -Infinity : rules.starts - 1);
  const due = nextDue(rules.timing, from);
  if (due === undefined || (rules.ends !== undefined && due + rules.delayMs > rules.ends)) return undefined;
  return due + rules.delayMs;
}

/** A part of the jitter that depends on nothing but the name, in whole milliseconds. */
function delayOf(name: string, jitterMs: number): number {
  if (jitterMs === 0) return 0;
  return createHash('sha256').update(name).digest().readUInt32BE(0) % jitterMs;
}

function checkedText(cron: unknown): string {
  return typeof cron === 'string' ? cron : String(cron);
}

function knownZone(name: string, problems: string[]): Zone | undefined {
  // A fixed offset is no zone of a place: `+02:00` would stay behind when the clock there changes.
  const zone = typeof name === 'string' && /^[A-Za-z]/.test(name) ? findZone(name) : undefined;
  if (zone === undefined) {
    const hint = typeof name === 'string' ? didYouMean(name, zoneNames()) : '';
    problems.push(
      `timeZone is ${JSON.stringify(name)}, which is no IANA zone${hint}; write for example "Europe/Tallinn"`,
    );
  }
  return zone;
}

const isoPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

function parseTime(text: string, what: string, problems: string[]): number | undefined {
  const time = isoPattern.test(text) && isDayOfMonth(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  problems.push(
    `${what} is ${JSON.stringify(text)}; write a time with its offset, such as "2026-12-24T18:00:00+02:00"`,
  );
  return undefined;
}

/** `Date.parse` takes 30 February for 2 March. */
function isDayOfMonth(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function parseCatchUp(
  given: StoredOptions['catchUp'],
  duration: (given: Duration | undefined, what: string) => number | undefined,
  problems: string[],
): ScheduleRules['catchUp'] {
  if (given === undefined || given === 'last') return { windowMs: Infinity, limit: 1 };
  if (given === 'none') return { windowMs: 0, limit: 0 };
  const limit = typeof given === 'object' ? (given.limit ?? 100) : Number.NaN;
  const windowMs = typeof given === 'object' ? duration(given.window, 'catchUp.window') : undefined;
  if (windowMs === undefined || !Number.isInteger(limit) || limit < 1 || limit > maxCatchUp) {
    const shown = JSON.stringify(given);
    problems.push(`catchUp is ${shown}; use "none", "last" or { window: "6h", limit: 100 } with a limit up to 1000`);
  }
  return { windowMs: windowMs ?? 0, limit };
}
