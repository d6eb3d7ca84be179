import { randomInt } from 'node:crypto';

/** Seeded randomness: the same seed gives the same run. */
export interface TestRandom {
  readonly seed: number;
  /** From 0 up to, not including, 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  pick<T>(values: readonly T[]): T;
  shuffle<T>(values: readonly T[]): T[];
}

/** Randomness from REEVE_SEED or a fresh seed, which is printed so that the run can be repeated. */
export function testRandom(name: string, seed = seedOfThisRun()): TestRandom {
  process.stderr.write(`\n${name}: REEVE_SEED=${seed}\n`);
  return seededRandom(seed);
}

/** Mulberry32. */
export function seededRandom(seed: number): TestRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    next,
    int,
    pick(values) {
      if (values.length === 0) throw new Error('there is nothing to pick from');
      return values[int(0, values.length - 1)] as (typeof values)[number];
    },
    shuffle(values) {
      const left = [...values];
      return values.map(() => left.splice(int(0, left.length - 1), 1)[0] as (typeof values)[number]);
    },
  };
}

function seedOfThisRun(): number {
  const given = process.env['REEVE_SEED'];
  if (given === undefined || given === '') return randomInt(2 ** 31);
  const seed = Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`REEVE_SEED is ${given}; write a whole number`);
  return seed;
}
