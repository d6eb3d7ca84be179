import type { Cron } from './cron.ts';
import type { OffsetSpan, Zone } from './zone.ts';

/** When a schedule is due, without its jitter and its end. */
export type Timing =
  | {
      readonly kind: 'cron';
      readonly cron: Cron;
      readonly zone: Zone;
      /** What becomes of a local time that the clock jumps over: left out, or as much later as the clock jumped. */
      readonly gap: 'skip' | 'shift';
      /** Whether a local time that comes twice is due the first time only, or both times. */
      readonly fold: 'once' | 'twice';
    }
  | { readonly kind: 'every'; readonly everyMs: number; readonly anchor: number }
  | { readonly kind: 'at'; readonly at: number };

/** More spans than any expression needs: 29 February on a Monday comes every 28 years, or 40 over a century. */
const maxSpans = 200;

/**
 * The first due time after an instant; undefined when there is none. It depends on nothing but its arguments, so the
 * series of due times is the same wherever and whenever it is computed.
 */
export function nextDue(timing: Timing, after: number): number | undefined {
  if (timing.kind === 'at') return timing.at > after ? timing.at : undefined;
  if (timing.kind === 'every') {
    const { everyMs, anchor } = timing;
    return anchor + Math.max(1, Math.floor((after - anchor) / everyMs) + 1) * everyMs;
  }
  let from = after;
  let span = timing.zone.spanAt(after);
  for (let count = 0; count < maxSpans; count += 1) {
    const found = firstIn(span, from, timing);
    if (found === 'none') return undefined;
    if (found !== undefined) return found;
    // One before the next span, because its first instant itself is a candidate.
    from = span.end - 1;
    span = timing.zone.spanAt(span.end);
  }
  return undefined;
}

type CronTiming = Extract<Timing, { kind: 'cron' }>;

/** The first due time after `from` within a stretch of one offset; `none` when there never is another one. */
function firstIn(span: OffsetSpan, from: number, timing: CronTiming): number | 'none' | undefined {
  const { cron, fold, gap } = timing;
  const { start, end, offset, before } = span;
  const repeatsUntil = fold === 'once' && before > offset ? start + before - 1 : -Infinity;
  const local = cron.next(Math.max(from + offset, repeatsUntil));
  if (local === undefined) return 'none';
  const regular = local - offset < end ? local - offset : undefined;
  if (gap === 'skip' || before >= offset) return regular;
  // The local times from start + before to start + offset do not exist; they are taken at the offset before.
  const missing = cron.next(Math.max(from, start - 1) + before);
  const shifted = missing !== undefined && missing < start + offset ? missing - before : undefined;
  return regular === undefined || (shifted !== undefined && shifted < regular) ? shifted : regular;
}
