import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { Loop } from '../../../src/core/loop.ts';
import { createLogger } from '../../../src/core/logging.ts';
import type { Connection } from '../../../src/executions/connection.ts';
import { SharedLook } from '../../../src/executions/shared-look.ts';

const nothing = { dueMs: null, deadlineMs: null, isUnpublished: false, isWaiting: false };

interface Process {
  readonly loops: readonly Loop[];
  readonly statements: () => number;
  readonly rounds: () => readonly number[];
}

/** Loops of one process that look every second and find nothing, over a ledger that answers or does not. */
function loopsOf(count: number, answer: () => Promise<object>): Process {
  let statements = 0;
  const connection: Connection = {
    schema: 'reeve',
    async query() {
      statements += 1;
      return { rows: [(await answer()) as never], count: 1 };
    },
  };
  const look = new SharedLook(connection);
  const rounds = Array.from({ length: count }, () => 0);
  const loops = rounds.map((_, n) => {
    const loop: Loop = new Loop({
      name: `loop ${n}`,
      logger: createLogger('silent'),
      intervalMs: 1_000,
      async round(_signal, isWoken) {
        if (!isWoken) await look.take(loop);
        rounds[n] = (rounds[n] ?? 0) + 1;
        return undefined;
      },
    });
    look.join(loop);
    return loop;
  });
  return { loops, statements: () => statements, rounds: () => rounds };
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
});

it('asks once a second for all loops of a process, whenever each of them was started', async () => {
  const { loops, statements, rounds } = loopsOf(5, () => Promise.resolve(nothing));
  for (const loop of loops) {
    loop.start();
    await jest.advanceTimersByTimeAsync(170);
  }
  const [before, roundsBefore] = [statements(), [...rounds()]];
  await jest.advanceTimersByTimeAsync(10_000);
  expect(statements() - before).toBeGreaterThanOrEqual(9);
  expect(statements() - before).toBeLessThanOrEqual(11);
  for (const [n, count] of rounds().entries()) expect(count - (roundsBefore[n] ?? 0)).toBeGreaterThanOrEqual(9);
  for (const loop of loops) await loop.stop();
});

it('asks no more often while the ledger does not answer', async () => {
  const { loops, statements } = loopsOf(5, () => Promise.reject(new Error('gone')));
  for (const loop of loops) loop.start();
  await jest.advanceTimersByTimeAsync(5_000);
  const before = statements();
  await jest.advanceTimersByTimeAsync(10_000);
  expect(statements() - before).toBeLessThanOrEqual(51);
  for (const loop of loops) await loop.stop();
});

it('lets a loop that was woken go to work without a look', async () => {
  const { loops, statements, rounds } = loopsOf(1, () => Promise.resolve(nothing));
  const [loop] = loops;
  loop?.start();
  await jest.advanceTimersByTimeAsync(10);
  loop?.wake();
  await jest.advanceTimersByTimeAsync(10);
  expect([statements(), rounds()]).toEqual([1, [2]]);
  await loop?.stop();
});
