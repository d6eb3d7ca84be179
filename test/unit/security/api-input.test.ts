import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { parseRules } from '../../../src/beat/schedule-rules.ts';
import { storedOptions } from '../../../src/beat/stored-options.ts';
import { durationMs } from '../../../src/core/duration.ts';
import { toJson } from '../../../src/core/json.ts';
import { defineReeve } from '../../../src/index.ts';
import { seededRandom, type TestRandom } from '../../support/random.ts';

/** An object nested `depth` levels deep, made without recursion. */
function nested(depth: number): unknown {
  let value: unknown = 'leaf';
  for (let level = 0; level < depth; level += 1) value = { inner: value };
  return value;
}

describe('Z01 input that is too large or too deep is refused with its limit', () => {
  const tooLarge: readonly (readonly [string, () => unknown])[] = [
    ['one byte more than 256 KiB', () => ({ text: 'x'.repeat(256 * 1024) })],
    ['50 MB in pieces', () => Array.from({ length: 50_000 }, () => 'x'.repeat(1_000))],
    ['a million keys', () => Object.fromEntries(Array.from({ length: 1_000_000 }, (_, index) => [`k${index}`, 1]))],
    ['a text of 2^28 characters', () => 'x'.repeat(2 ** 28)],
  ];
  it.each(tooLarge)('%s', (_title, make) => {
    expect(() => toJson(make(), 'the input')).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringContaining('262144 bytes') }),
    );
  });

  it.each([65, 100_000])('%d levels', (depth) => {
    expect(() => toJson(nested(depth), 'the input')).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringContaining('64 levels') }),
    );
  });

  it('without looking at the rest of it', () => {
    let looked = 0;
    const items = new Proxy(
      Array.from({ length: 1_000_000 }, () => 'x'.repeat(1_024)),
      {
        get(target, key, receiver) {
          if (typeof key === 'string' && /^\d+$/.test(key)) looked += 1;
          return Reflect.get(target, key, receiver) as unknown;
        },
      },
    );
    expect(() => toJson(items, 'the input')).toThrow(expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }));
    expect(looked).toBeLessThan(1_000);
  });
});

const poisonous = ['__proto__', 'constructor', 'prototype'];
const harmless = ['hasOwnProperty', 'toString', 'valueOf', 'name', 'a'];

/** Text of JSON in which every kind of key may stand at every depth, also twice. */
function randomJson(random: TestRandom, depth: number): string {
  if (depth === 0 || random.next() < 0.2) return random.pick(['1', '"text"', 'null', 'true', '[]', '{}']);
  const keys = Array.from({ length: random.int(1, 4) }, () =>
    random.next() < 0.2 ? random.pick(poisonous) : random.pick(harmless),
  );
  const pairs = keys.map((key) => `${JSON.stringify(key)}:${randomJson(random, depth - 1)}`);
  return `{${pairs.join(',')}}`;
}

function hasPoison(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false;
  return Reflect.ownKeys(value).some(
    (key) => poisonous.includes(String(key)) || hasPoison((value as Record<string, unknown>)[String(key)]),
  );
}

describe('Z03 keys that could change prototypes', () => {
  it('are refused wherever they stand, and no prototype has changed after ten thousand inputs', () => {
    const random = seededRandom(20_261_121);
    const before = Reflect.ownKeys(Object.prototype);
    let refused = 0;
    for (let count = 0; count < 10_000; count += 1) {
      const input: unknown = JSON.parse(randomJson(random, 4));
      if (hasPoison(input)) {
        refused += 1;
        expect(() => toJson(input, 'the input')).toThrow(expect.objectContaining({ code: 'PAYLOAD_NOT_JSON' }));
      } else {
        expect(toJson(input, 'the input')).toEqual(input);
      }
    }
    expect(refused).toBeGreaterThan(1_000);
    expect(refused).toBeLessThan(9_000);
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before);
    expect(({} as Record<string, unknown>)['inner']).toBeUndefined();
  });
});

const start = Date.UTC(2026, 0, 1);
const schedule = (options: object): unknown => parseRules('x', storedOptions('x', options), start);

describe('Z09 a time that cannot be meant is refused with what is wrong', () => {
  it.each([
    ['', 'is empty'],
    ['* * * *', '4 fields'],
    ['* * * * * * *', '7 fields'],
    ['*/0 * * * *', 'cron'],
    ['60 * * * *', '60'],
    ['0 0 30 2 *', 'never fires'],
    ['@reboot', '1 field'],
    [`${'1,'.repeat(5_000)}1 * * * *`, 'cron'],
    ['*'.repeat(10_000), 'cron'],
    [`${'0-'.repeat(5_000)} * * * *`, 'cron'],
    [`${' '.repeat(10_000)}x`, 'cron'],
  ])('the expression %.40s', (cron, words) => {
    const began = performance.now();
    expect(() => schedule({ cron })).toThrow(
      expect.objectContaining({ code: 'SCHEDULE_INVALID', message: expect.stringContaining(words) }),
    );
    // What backtracks takes seconds for so long a text.
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it.each(['Mars/X', '../../etc/passwd', 'Europe/../UTC', 'Europe/'.repeat(1_000)])('the zone %.40s', (timeZone) => {
    const began = performance.now();
    expect(() => schedule({ cron: '0 0 * * *', timeZone })).toThrow(
      expect.objectContaining({ code: 'SCHEDULE_INVALID', message: expect.stringMatching(/time ?zone/i) }),
    );
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

const dataSource = new DataSource({ type: 'postgres', url: 'postgres://nobody@127.0.0.1:1/none' });

describe('Z11 a length of time that cannot be meant is refused with its range', () => {
  it.each([-1, Number.NaN, 1e300, Infinity, '5', '-5s', '1e3s', '5 s', '4000d', '', null, {}, ['5s']])(
    '%p',
    (value) => {
      expect(() => durationMs(value as never, 'countdown')).toThrow(
        expect.objectContaining({
          code: 'CONFIGURATION_INVALID',
          message: expect.stringMatching(/^countdown is .*0 to 3650d/s),
        }),
      );
    },
  );

  it.each(['10000-01-01T00:00:00Z', '+010000-01-01T00:00:00Z', '2026-02-30T00:00:00Z', '0000-00-00T00:00:00Z'])(
    'the date %s',
    (at) => {
      expect(() => schedule({ at })).toThrow(expect.objectContaining({ code: 'SCHEDULE_INVALID' }));
    },
  );

  it('in the timing of the engine too', () => {
    expect(() => defineReeve({ dataSource, timing: { lease: -1 } })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID', message: expect.stringContaining('lease') }),
    );
  });
});

describe('Z13 a concurrency that cannot be meant is refused with its range', () => {
  it.each([0, -1, Infinity, 1.5, Number.NaN, 1_001, '5'])('%p', (concurrency) => {
    expect(() => defineReeve({ dataSource, queues: { tasks: { concurrency: concurrency as number } } })).toThrow(
      expect.objectContaining({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringContaining('use 1 to 1000'),
      }),
    );
  });
});
