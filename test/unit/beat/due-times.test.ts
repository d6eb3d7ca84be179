import { describe, expect, it } from '@jest/globals';
import { parseCron } from '../../../src/beat/cron.ts';
import { nextDue, type Timing } from '../../../src/beat/due-times.ts';
import { findZone, Zone } from '../../../src/beat/zone.ts';

const minuteMs = 60_000;
const blockMs = 30 * minuteMs;
const dayMs = 86_400_000;
const begin = Date.UTC(2024, 0, 1);
const end = Date.UTC(2029, 0, 1);
const zones = ['Europe/Tallinn', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca'] as const;

/** Local times by what `Intl` says of each half hour; the clocks of these zones change on half hours only. */
class Reference {
  /** Starts of half hours, by the local half hour that they show. */
  readonly #shown = new Map<number, number[]>();
  readonly changes: { readonly at: number; readonly before: number; readonly after: number }[] = [];

  constructor(name: string) {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' });
    let last: number | undefined;
    for (let at = begin - 2 * dayMs; at < end + 2 * dayMs; at += blockMs) {
      const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = format.format(at).split(/\D+/).map(Number);
      const local = Date.UTC(year, month - 1, day, hour, minute);
      const offset = local - at;
      if (last !== undefined && offset !== last) this.changes.push({ at, before: last, after: offset });
      last = offset;
      this.#shown.set(local, [...(this.#shown.get(local) ?? []), at]);
    }
  }

  /** Every due time of a window, from local times that `matches` picks, in order. */
  due(
    matches: (local: Date) => boolean,
    policy: { gap: 'skip' | 'shift'; fold: 'once' | 'twice' },
    window: { from: number; to: number; stepMs?: number },
  ): number[] {
    const found = new Set<number>();
    for (let local = window.from - dayMs; local < window.to + dayMs; local += window.stepMs ?? minuteMs) {
      if (!matches(new Date(local))) continue;
      const block = local - (local % blockMs);
      const shown = this.#shown.get(block)?.map((at) => at + (local - block)) ?? [];
      if (shown.length === 0 && policy.gap === 'shift') found.add(this.#shifted(local));
      for (const at of policy.fold === 'once' ? shown.slice(0, 1) : shown) found.add(at);
    }
    return [...found].filter((at) => at > window.from && at <= window.to).toSorted((a, b) => a - b);
  }

  /** As long after the last local time that exists as it is written after it. */
  #shifted(local: number): number {
    let block = local - (local % blockMs);
    while (!this.#shown.has(block)) block -= blockMs;
    return (this.#shown.get(block)?.[0] ?? 0) + (local - block);
  }
}

function series(timing: Timing, from: number, to: number): number[] {
  const due: number[] = [];
  for (let at = nextDue(timing, from); at !== undefined && at <= to; at = nextDue(timing, at)) due.push(at);
  return due;
}

const expressions: readonly [string, (local: Date) => boolean][] = [
  ['30 2 * * *', (l) => l.getUTCHours() === 2 && l.getUTCMinutes() === 30],
  ['15 2 * * *', (l) => l.getUTCHours() === 2 && l.getUTCMinutes() === 15],
  ['15 3 * * *', (l) => l.getUTCHours() === 3 && l.getUTCMinutes() === 15],
  ['0 1 * * *', (l) => l.getUTCHours() === 1 && l.getUTCMinutes() === 0],
  ['*/20 * * * *', (l) => l.getUTCMinutes() % 20 === 0],
  ['7 */2 * * *', (l) => l.getUTCHours() % 2 === 0 && l.getUTCMinutes() === 7],
  ['45 1-3 * * SUN', (l) => l.getUTCDay() === 0 && [1, 2, 3].includes(l.getUTCHours()) && l.getUTCMinutes() === 45],
  [
    '0 2 L * *',
    (l) => l.getUTCHours() === 2 && l.getUTCMinutes() === 0 && new Date(Number(l) + dayMs).getUTCDate() === 1,
  ],
];

describe.each(zones)('due times in %s, against what Intl alone says', (name) => {
  const reference = new Reference(name);
  const zone = findZone(name) as Zone;
  const policies = (['skip', 'shift'] as const).flatMap((gap) =>
    (['once', 'twice'] as const).map((fold) => ({ gap, fold })),
  );

  it('knows every change of the clock from 2024 to 2028', () => {
    const found: unknown[] = [];
    for (let span = zone.spanAt(begin); span.end < end; span = zone.spanAt(span.end)) {
      const after = zone.spanAt(span.end).offset;
      if (after !== span.offset) found.push({ at: span.end, before: span.offset, after });
    }
    expect(found).toEqual(reference.changes.filter(({ at }) => at >= begin && at < end));
    expect(found.length).toBeGreaterThanOrEqual(6);
  });

  it.each(policies)('with gap $gap and fold $fold, around each change of the clock', (policy) => {
    for (const [text, matches] of expressions) {
      const timing: Timing = { kind: 'cron', cron: parseCron(text, 'x'), zone, ...policy };
      for (const { at } of reference.changes) {
        if (at < begin || at >= end) continue;
        const window = { from: at - dayMs, to: at + dayMs };
        const due = series(timing, window.from, window.to);
        expect([text, at, due]).toEqual([text, at, reference.due(matches, policy, window)]);
      }
    }
  });

  it.each(policies)('with gap $gap and fold $fold, over all five years', (policy) => {
    const matches = (l: Date): boolean => l.getUTCHours() === 2 && l.getUTCMinutes() === 30;
    const timing: Timing = { kind: 'cron', cron: parseCron('30 2 * * *', 'x'), zone, ...policy };
    expect(series(timing, begin, end - 1)).toEqual(
      reference.due(matches, policy, { from: begin, to: end - 1, stepMs: blockMs }),
    );
  });

  it('does not depend on where in the series it is asked', () => {
    const timing: Timing = { kind: 'cron', cron: parseCron('*/20 * * * *', 'x'), zone, gap: 'shift', fold: 'twice' };
    for (const { at } of reference.changes.slice(1, 5)) {
      const due = series(timing, at - 3 * 3_600_000, at + 3 * 3_600_000);
      for (let from = at - 2 * 3_600_000; from < at + 2 * 3_600_000; from += 7 * minuteMs) {
        expect(nextDue(timing, from)).toBe(due.find((each) => each > from));
      }
    }
  });
});

describe('due times', () => {
  const utc = findZone('UTC') as Zone;
  const next = (text: string, after: string): string => {
    const timing: Timing = { kind: 'cron', cron: parseCron(text, 'seed'), zone: utc, gap: 'skip', fold: 'once' };
    return new Date(nextDue(timing, Date.parse(after)) ?? Number.NaN).toISOString();
  };

  it.each([
    ['0 0 29 2 *', '2025-03-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['0 12 * * FRI#2', '2026-01-01T00:00:00Z', '2026-01-09T12:00:00.000Z'],
    ['0 0 L * *', '2026-02-01T00:00:00Z', '2026-02-28T00:00:00.000Z'],
    ['0 9 * JAN-MAR MON', '2026-04-01T00:00:00Z', '2027-01-04T09:00:00.000Z'],
    ['30 15 10 * * *', '2026-01-01T00:00:00Z', '2026-01-01T10:15:30.000Z'],
    ['* * * * * *', '2026-01-01T00:00:00.400Z', '2026-01-01T00:00:01.000Z'],
    ['0 0 13 * FRI', '2026-01-03T00:00:00Z', '2026-01-09T00:00:00.000Z'],
  ])('%s after %s is %s', (text, after, due) => {
    expect(next(text, after)).toBe(due);
  });

  it('of an interval count from its anchor, never from now', () => {
    const timing: Timing = { kind: 'every', everyMs: 7_000, anchor: 1_000 };
    expect(series(timing, 0, 30_000)).toEqual([8_000, 15_000, 22_000, 29_000]);
    expect(nextDue(timing, 8_000)).toBe(15_000);
    expect(nextDue(timing, 7_999)).toBe(8_000);
  });

  it('of H are the same on every call, differ by name, and are expanded for what is stored', () => {
    const expanded = (name: string): string => parseCron('H H * * *', name).expanded;
    expect(expanded('a')).toBe(expanded('a'));
    expect(new Set(['a', 'b', 'c', 'd', 'e'].map(expanded)).size).toBeGreaterThan(2);
    expect(expanded('a')).toMatch(/^\d+ \d+ \* \* \*$/);
  });
});
