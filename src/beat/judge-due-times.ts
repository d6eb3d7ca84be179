import { formatMs } from '../core/duration.ts';
import { nextDueOf, type ScheduleRules } from './schedule-rules.ts';

/** What becomes of one due time, before overlap is looked at. */
type Judgement =
  | { readonly dueAt: number; readonly kind: 'fire'; readonly late: boolean }
  | { readonly dueAt: number; readonly kind: 'missed'; readonly reason: string };

/** Up to so late counts as on time, so that the restart of a beat changes nothing. */
const onTimeMs = 10_000;

/** More due times than this are judged in several transactions. */
const maxDueTimes = 20_000;

export interface JudgedDueTimes {
  readonly judgements: readonly Judgement[];
  /** The first due time that was not judged; undefined when it is never due again. */
  readonly next: number | undefined;
}

/**
 * Judges every due time from `first` up to `now`: what is on time fires; of what is late, because no beat ran, the
 * catch-up policy fires the newest ones within its window; the rest is missed, with the reason.
 */
export function judgeDueTimes(rules: ScheduleRules, first: number, now: number, max = maxDueTimes): JudgedDueTimes {
  const due: number[] = [];
  let next: number | undefined = first;
  while (next !== undefined && next <= now && due.length < max) {
    due.push(next);
    next = nextDueOf(rules, next);
  }
  const more = next !== undefined && next <= now;
  const isOnTime = due.map((dueAt) => now - dueAt <= onTimeMs);
  const firstOnTime = isOnTime.includes(true) ? isOnTime.indexOf(true) : due.length;
  // The last due time is on time, or still to come: nothing has to be made up for it.
  const { windowMs, limit } = rules.catchUp;
  const isLastOnly = windowMs === Infinity;
  const room = more || (isLastOnly && firstOnTime < due.length) ? 0 : limit;
  const judgements = due.map((dueAt, index): Judgement => {
    const lateMs = now - dueAt;
    if (rules.expireMs !== undefined && lateMs > rules.expireMs) {
      return missed(dueAt, `expired: ${formatMs(lateMs)} late, more than ${formatMs(rules.expireMs)}`);
    }
    if (index >= firstOnTime) return { dueAt, kind: 'fire', late: false };
    if (limit === 0) return missed(dueAt, `no beat ran, and catchUp is "none": ${formatMs(lateMs)} late`);
    if (lateMs > windowMs)
      return missed(dueAt, `no beat ran: ${formatMs(lateMs)} late, outside of the catch-up window`);
    if (index < firstOnTime - room) {
      const what = isLastOnly ? 'only the last due time is caught up' : `only the newest ${limit} are caught up`;
      return missed(dueAt, `no beat ran: ${formatMs(lateMs)} late, ${what}`);
    }
    return { dueAt, kind: 'fire', late: true };
  });
  return { judgements, next };
}

function missed(dueAt: number, reason: string): Judgement {
  return { dueAt, kind: 'missed', reason };
}
