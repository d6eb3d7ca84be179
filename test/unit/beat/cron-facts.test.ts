import { describe, expect, it } from '@jest/globals';
import { nextDueOf, parseRules } from '../../../src/beat/schedule-rules.ts';
import { storedOptions } from '../../../src/beat/stored-options.ts';

const start = Date.UTC(2026, 0, 1);
const rulesOf = (name: string, options: object) => parseRules(name, storedOptions(name, options), start);

/** The due times of a year, from the last one to the next, as a beat asks for them. */
function dueTimes(options: object, name = 'x', until = Date.UTC(2027, 0, 1)): string[] {
  const rules = rulesOf(name, options);
  const found: string[] = [];
  for (let at = nextDueOf(rules, start - 1); at !== undefined && at < until; at = nextDueOf(rules, at)) {
    found.push(new Date(at).toISOString());
  }
  return found;
}

describe('F8 what cron-parser gets wrong by itself', () => {
  it('a zone whose clock changes by half an hour has a due time on each day, the days of the change included', () => {
    const times = dueTimes({ cron: '0 2 * * *', timeZone: 'Australia/Lord_Howe' });
    expect(times.length).toBeGreaterThanOrEqual(364);
    expect(new Set(times.map((time) => time.slice(0, 10))).size).toBe(times.length);
  });

  it('an hour that comes twice fires once, asked from one due time to the next', () => {
    const around = dueTimes({ cron: '30 1 * * *', timeZone: 'America/New_York' }).filter((time) =>
      /^2026-(10-31|11-0[1-3])/.test(time),
    );
    expect(around.map((time) => time.slice(0, 13))).toEqual([
      '2026-10-31T05',
      '2026-11-01T05',
      '2026-11-02T06',
      '2026-11-03T06',
    ]);
  });

  it('H is the same on each call, and differs between schedules', () => {
    const options = { cron: 'H H * * *' };
    const [first] = dueTimes(options, 'one');
    expect(dueTimes(options, 'one')[0]).toBe(first);
    const others = ['two', 'three', 'four', 'five'].map((name) => dueTimes(options, name)[0]);
    expect(new Set([first, ...others]).size).toBeGreaterThan(1);
  });

  it.each(['', '* * * *'])('the expression "%s" is refused', (cron) => {
    expect(() => rulesOf('x', { cron })).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
  });
});
