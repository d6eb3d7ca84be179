import type { FireRow } from '../executions/sql/list-fires.ts';
import { nextDueOf, parseRules, type ScheduleRules } from './schedule-rules.ts';

/** A due time that is still to come. */
export interface ComingDueTime {
  readonly dueAt: Date;
  /** The same on the clock of the schedule's zone, with the offset. */
  readonly local: string;
  /** What the change of the clock does to it; empty on ordinary days. */
  readonly note: string;
}

/** What became of a due time. */
export interface PastDueTime {
  readonly dueAt: Date;
  readonly verdict: FireRow['verdict'];
  readonly reason: string | null;
  readonly executionId: string | null;
  readonly latenessMs: number;
}

/** The next `count` due times after an instant. */
export function comingDueTimes(rules: ScheduleRules, after: number, count: number): ComingDueTime[] {
  const coming: ComingDueTime[] = [];
  for (let due = nextDueOf(rules, after); due !== undefined && coming.length < count; due = nextDueOf(rules, due)) {
    coming.push({ dueAt: new Date(due), local: localText(rules, due), note: noteOn(rules, due - rules.delayMs) });
  }
  return coming;
}

export function pastDueTime(row: FireRow): PastDueTime {
  return {
    dueAt: row.due_at,
    verdict: row.verdict,
    reason: row.reason,
    executionId: row.execution_id,
    latenessMs: Math.max(0, row.fired_at.getTime() - row.due_at.getTime()),
  };
}

/** `2026-03-29 04:30:00 +03:00` */
function localText({ zone }: ScheduleRules, due: number): string {
  const { offset } = zone.spanAt(due);
  const minutes = Math.abs(offset) / 60_000;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${clockText(due + offset)} ${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function noteOn({ timing, zone }: ScheduleRules, due: number): string {
  if (timing.kind !== 'cron') return '';
  const { start, end, offset, before } = zone.spanAt(due);
  const local = due + offset;
  if (before < offset && local < start + offset + (offset - before) && timing.cron.next(local - 1_000) !== local) {
    return `the clock jumps over ${clockText(due + before)}; it is due as much later`;
  }
  if (before > offset && local < start + before) return 'the clock was put back: this local time comes a second time';
  const after = zone.spanAt(end).offset;
  if (after < offset && local >= end + after) {
    return `the clock will be put back: this local time comes twice, and is due ${timing.fold === 'once' ? 'the first time only' : 'both times'}`;
  }
  return '';
}

function clockText(local: number): string {
  return new Date(local).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * What an expression means.
 *
 * @throws SCHEDULE_INVALID with what is wrong and what is right.
 */
export function checkCron(
  cron: string,
  options: { readonly timeZone: string; readonly name: string; readonly after: number; readonly count: number },
): { readonly expanded: string; readonly coming: ComingDueTime[] } {
  const rules = parseRules(options.name, { cron, timeZone: options.timeZone }, options.after);
  return { expanded: rules.expanded ?? cron, coming: comingDueTimes(rules, options.after, options.count) };
}
