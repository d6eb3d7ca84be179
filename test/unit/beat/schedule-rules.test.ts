import { describe, expect, it } from '@jest/globals';
import { judgeDueTimes } from '../../../src/beat/judge-due-times.ts';
import type { StoredOptions } from '../../../src/beat/schedule-options.ts';
import { nextDueOf, parseRules } from '../../../src/beat/schedule-rules.ts';
import { mergedOptions, storedOptions } from '../../../src/beat/stored-options.ts';

const hourMs = 3_600_000;
const start = Date.UTC(2026, 0, 1);
const rules = (options: StoredOptions) => parseRules('x', options, start);

describe('a schedule is refused with what is wrong and what is right', () => {
  it.each<[string, object, string, string]>([
    ['an empty expression', { cron: '' }, 'is empty', '30 3 * * MON-FRI'],
    ['four fields', { cron: '* * * *' }, 'has 4 fields', '30 3 * * MON-FRI'],
    ['seven fields', { cron: '* * * * * * *' }, 'has 7 fields', '30 3 * * MON-FRI'],
    ['a shorthand', { cron: '@daily' }, 'has 1 field', '30 3 * * MON-FRI'],
    ['minute 61', { cron: '61 * * * *' }, 'got value 61', '30 3 * * MON-FRI'],
    ['words', { cron: 'every day at three am' }, 'cannot be read', '30 3 * * MON-FRI'],
    ['a step beyond its field', { cron: '*/90 * * * *' }, 'the step 90 in the field minute', '*/5'],
    ['W', { cron: '0 0 15W * *' }, 'uses W', '1-5'],
    ['30 February', { cron: '0 0 30 2 *' }, 'never fires', '0 0 L * *'],
    ['31 April', { cron: '0 0 31 4 *' }, 'never fires', '0 0 L * *'],
    ['an unknown zone', { cron: '0 0 * * *', timeZone: 'Europe/Talinn' }, 'no IANA zone', 'Europe/Tallinn'],
    [
      'a zone that cron-parser takes for a fixed offset',
      { cron: '0 0 * * *', timeZone: 'UTC+3' },
      'no IANA zone',
      'Europe',
    ],
    ['a place without its region', { cron: '0 0 * * *', timeZone: 'Tallinn' }, 'no IANA zone', 'Europe/Tallinn'],
    ['an empty zone', { cron: '0 0 * * *', timeZone: '' }, 'timeZone is ""', 'Europe/Tallinn'],
    ['what is only stored', { cron: '0 0 * * *', expanded: '1 1 * * *' }, 'unknown option "expanded"', 'x has'],
    ['an offset as a zone', { cron: '0 0 * * *', timeZone: '+02:00' }, 'no IANA zone', 'Europe/Tallinn'],
    ['no time at all', {}, 'none is given', 'every: "15m"'],
    ['two times', { cron: '0 0 * * *', every: '1h' }, 'cron and every are given', 'every: "15m"'],
    ['a period below the limit', { every: '500ms' }, 'below the limit of 1 s', '30s'],
    ['words for a period', { every: '5 minutes' }, '5 minutes', '"30s", "5m"'],
    ['a local time without an offset', { at: '2026-12-24T18:00' }, '2026-12-24T18:00', '+02:00'],
    ['an invalid date', { at: new Date(Number.NaN) }, 'Invalid Date', '+02:00'],
    ['an unknown policy', { every: '1m', overlap: 'queue' }, 'overlap is "queue"', '"bufferOne"'],
    ['catch-up without a window', { every: '1m', catchUp: 'all' }, 'catchUp is "all"', '{ window: "6h", limit: 100 }'],
    ['no runs', { every: '1m', maxRuns: 0 }, 'maxRuns is 0', 'from 1'],
    ['an unknown option', { every: '1m', timezone: 'UTC' }, 'unknown option "timezone"', 'did you mean "timeZone"?'],
  ])('%s', (_title, options, wrong, right) => {
    const attempt = (): unknown => parseRules('x', storedOptions('x', options), start);
    expect(attempt).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
    expect(attempt).toThrow(wrong);
    expect(attempt).toThrow(right);
  });

  it('lists all problems at once', () => {
    const attempt = (): unknown => rules({ cron: '', timeZone: 'Mars/Olympus', maxRuns: -1, ends: 'never' });
    for (const words of ['is empty', 'no IANA zone', 'maxRuns', 'ends is "never"']) expect(attempt).toThrow(words);
  });
});

describe('the due times of a schedule', () => {
  it('begin at its start and stop at its end', () => {
    const limited = rules({ every: '1h', starts: '2026-01-02T00:00:00Z', ends: '2026-01-02T02:30:00Z' });
    const due: number[] = [];
    for (let at = nextDueOf(limited, start); at !== undefined; at = nextDueOf(limited, at)) due.push(at);
    expect(due.map((at) => new Date(at).toISOString().slice(11, 16))).toEqual(['00:00', '01:00', '02:00']);
  });

  it('are later by a jitter that is the same each time and differs by name', () => {
    const delays = Array.from({ length: 50 }, (_, index) => {
      const jittered = parseRules(`n${index}`, { cron: '0 * * * *', jitter: '10m' }, start);
      const first = nextDueOf(jittered, start) ?? 0;
      const second = nextDueOf(jittered, first) ?? 0;
      expect(second - first).toBe(hourMs);
      return first % hourMs;
    });
    expect(new Set(delays).size).toBeGreaterThan(40);
    expect(Math.max(...delays)).toBeLessThan(600_000);
  });

  it('go through both hours in autumn for every hour, and once for a chosen hour, by default', () => {
    const count = (cron: string): number => {
      const read = rules({ cron, timeZone: 'Europe/Tallinn' });
      let due = 0;
      const end = Date.parse('2026-10-25T02:00:00Z');
      for (let at = nextDueOf(read, Date.parse('2026-10-24T23:59:00Z')); (at ?? end) < end; due += 1) {
        at = nextDueOf(read, at ?? end);
      }
      return due;
    };
    expect(count('0 * * * *')).toBe(2);
    expect(count('0 3 * * *')).toBe(1);
  });
});

describe('due times that nobody fired in time', () => {
  const first = start + hourMs;
  const now = start + 3.5 * hourMs;
  const judged = (catchUp: StoredOptions['catchUp'], options: StoredOptions = { every: '1h' }): string[] =>
    judgeDueTimes(rules({ ...options, ...(catchUp === undefined ? {} : { catchUp }) }), first, now).judgements.map(
      (each) => (each.kind === 'fire' ? (each.late ? 'late' : 'on time') : 'missed'),
    );

  it.each<[string, StoredOptions['catchUp'], string[]]>([
    ['the last one only, by default', undefined, ['missed', 'missed', 'late']],
    ['none', 'none', ['missed', 'missed', 'missed']],
    ['all within the window', { window: '2h' }, ['missed', 'late', 'late']],
    ['all, up to the limit', { window: '1d', limit: 2 }, ['missed', 'late', 'late']],
  ])('%s', (_title, catchUp, verdicts) => {
    expect(judged(catchUp)).toEqual(verdicts);
  });

  it('go on with the first due time after now', () => {
    expect(judgeDueTimes(rules({ every: '1h' }), first, now).next).toBe(start + 4 * hourMs);
  });

  it('are not made up for when one is on time', () => {
    const at = (ms: number): string[] =>
      judgeDueTimes(rules({ every: '1h' }), first, start + ms).judgements.map((each) => each.kind);
    expect(at(3 * hourMs + 5_000)).toEqual(['missed', 'missed', 'fire']);
  });

  it('are missed when they are later than they may be', () => {
    expect(judged({ window: '1d' }, { every: '1h', expire: '1h' })).toEqual(['missed', 'missed', 'late']);
  });

  it('are judged in batches that lose none', () => {
    const read = rules({ every: '1s', catchUp: 'none' });
    const batch = judgeDueTimes(read, start + 1_000, start + 100_000, 30);
    expect(batch.judgements).toHaveLength(30);
    expect(batch.next).toBe(start + 31_000);
  });
});

describe('what an operator changed', () => {
  it('takes the place of what code says, and null takes it back', () => {
    const code: StoredOptions = { cron: '0 3 * * *', timeZone: 'Europe/Tallinn', overlap: 'skip' };
    expect(mergedOptions(code, { every: '1h', overlap: null })).toEqual({ every: '1h', timeZone: 'Europe/Tallinn' });
  });
});
