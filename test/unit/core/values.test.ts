import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { backoffMs, parseRetry } from '../../../src/core/backoff.ts';
import { durationMs, formatMs, type Duration } from '../../../src/core/duration.ts';
import { isReeveError, problemsError, ReeveError } from '../../../src/core/errors.ts';
import { hashJson, newId } from '../../../src/core/ids.ts';
import { canonicalJson, toJson } from '../../../src/core/json.ts';
import { didYouMean } from '../../../src/core/nearest-name.ts';
import { defineStates } from '../../../src/core/state-machine.ts';
import { storableText, storeError } from '../../../src/core/stored-error.ts';
import { testRandom } from '../../support/random.ts';

const { seed } = testRandom('values');

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2_000],
    ['1.5m', 90_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    [250, 250],
  ] as const)('%s is %i milliseconds', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['5 minutes', '', '-1s', '1e3s', '5', 'NaNs', '3651d', -1, Number.NaN, Number.POSITIVE_INFINITY, null])(
    '%p is refused with an example of what is right',
    (wrong) => {
      expect(() => durationMs(wrong as Duration, 'timeout')).toThrow(/timeout is .*"30s"/);
    },
  );

  it('is shown to people in the unit that fits', () => {
    expect([850, 3_240, 250_000, 7_500_000].map(formatMs)).toEqual(['850 ms', '3.2 s', '4 m 10 s', '2 h 5 m']);
  });
});

describe('a backoff', () => {
  it('doubles up to its limit, and its jitter only shortens it', () => {
    const policy = parseRetry({ attempts: 9, delay: '1s', maxDelay: '10s', jitter: 0.5 }, 'test');
    expect([1, 2, 3, 4, 5].map((attempt) => backoffMs(policy, attempt, 0))).toEqual([1000, 2000, 4000, 8000, 10_000]);
    expect(backoffMs(policy, 1, 1)).toBe(500);
    expect(backoffMs(policy, 1_000, 0)).toBe(10_000);
  });

  it('is refused with values out of range', () => {
    for (const wrong of [{ attempts: 0 }, { attempts: 1.5 }, { jitter: 2 }, { backoff: 'quick' }]) {
      expect(() => parseRetry(wrong as never, 'test')).toThrow(ReeveError);
    }
  });
});

describe('a value that is to be stored', () => {
  it('is what JSON makes of it, for all plain values', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(!/__proto__|"constructor"|"prototype"|\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)));
        expect(toJson(value, 'value')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed },
    );
  });

  it('has one canonical text and one hash, in whatever order its keys are', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer()), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(hashJson(reversed)).toBe(hashJson(value));
      }),
      { seed },
    );
  });

  it('is a copy: changing the original afterwards changes nothing', () => {
    const original = { list: [1] };
    const copy = toJson(original, 'value');
    original.list.push(2);
    expect(copy).toEqual({ list: [1] });
  });

  it('leaves out what is undefined, and makes 0 of -0', () => {
    expect(toJson({ a: undefined, b: -0 }, 'value')).toEqual({ b: 0 });
    expect(Object.is((toJson({ b: -0 }, 'value') as { b: number }).b, 0)).toBe(true);
  });
});

describe('an error that is to be stored', () => {
  it('is storable whatever was thrown', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const stored = storeError(thrown);
        expect(stored.message.length).toBeGreaterThan(0);
        expect(stored.message).not.toContain('\u0000');
        expect(stored.message.isWellFormed()).toBe(true);
        expect(() => JSON.stringify(stored)).not.toThrow();
      }),
      { seed },
    );
  });

  it('tells passing, lasting and unmarked errors apart', () => {
    const marked = (retryable: unknown) => storeError(Object.assign(new Error('x'), { retryable }));
    expect(
      [marked(true), marked(false), marked(undefined)].map(({ retryable, permanent }) => [retryable, permanent]),
    ).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ]);
  });

  it('shows the chain of causes and is cut at its limit', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(storeError(error).traceback).toMatch(/outer[\s\S]*Caused by: Error: inner/);
    expect(storableText('x'.repeat(100), 10)).toBe('xxxxxxxxx…');
  });
});

describe('an error of Reeve', () => {
  it('is told by its code, also when it comes from another copy of the package', () => {
    const foreign = Object.assign(new Error('busy'), { code: 'RESOURCE_BUSY' });
    expect(isReeveError(foreign, 'RESOURCE_BUSY')).toBe(true);
    expect(isReeveError(foreign, 'BUSY')).toBe(false);
    expect(isReeveError(Object.assign(new Error('x'), { code: 'ENOENT' }))).toBe(false);
    expect(isReeveError('RESOURCE_BUSY')).toBe(false);
  });

  it('says what to do next, and lists each problem once', () => {
    const error = problemsError('CONFIGURATION_INVALID', 'Wrong', ['one', 'two', 'one']);
    expect(error.message).toBe('Wrong:\n  - one\n  - two');
    expect(error.next).toContain('Mend each listed problem');
  });
});

describe('small things', () => {
  it('a name that is near is proposed, one that is far is not', () => {
    expect(didYouMean('hevy', ['tasks', 'heavy'])).toBe(' (did you mean "heavy"?)');
    expect(didYouMean('redis_url', ['redis', 'drain'])).toBe(' (did you mean "redis"?)');
    expect(didYouMean('zebra', ['tasks', 'heavy'])).toBe('');
    expect(didYouMean('x', [])).toBe('');
  });

  it('ids sort by the time they were made', () => {
    const ids = Array.from({ length: 1_000 }, () => newId());
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(1_000);
  });

  it('a state machine that contradicts itself is refused with all problems', () => {
    const wrong = () =>
      defineStates({
        states: ['a', 'b'],
        initial: 'c' as 'a',
        stable: ['d' as 'a'],
        transitions: { go: { from: ['e' as 'a'], to: 'f' as 'b' } },
        operations: { update: { start: 'gone' as 'go' } },
      });
    for (const words of ['initial names the state "c"', 'stable names the state "d"', '"e"', '"f"', '"gone"']) {
      expect(wrong).toThrow(words);
    }
  });
});
