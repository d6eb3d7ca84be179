import { describe, expect, it } from '@jest/globals';
import { GroupCommit } from '../../../src/executions/group-commit.ts';

/** Transactions that end when the test says so. */
function stage(limit = 100) {
  const begun: { items: readonly number[]; end: PromiseWithResolvers<void> }[] = [];
  const group = new GroupCommit<number, number>({
    limit,
    run: async (items) => {
      const end = Promise.withResolvers<void>();
      begun.push({ items, end });
      await end.promise;
      if (items.includes(13)) throw new Error('13 is bad');
      return items.map((item) => item * 10);
    },
  });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { begun, group, turn };
}

describe('a group commit', () => {
  it('goes at once where nothing is under way, and takes along what came in the same turn', async () => {
    const { begun, group, turn } = stage();
    const answers = Promise.all([group.ask(1), group.ask(2)]);
    await turn();
    expect(begun.map(({ items }) => items)).toEqual([[1, 2]]);
    begun[0]?.end.resolve();
    expect(await answers).toEqual([10, 20]);
  });

  it('lets what comes meanwhile share the next transaction, up to its limit', async () => {
    const { begun, group, turn } = stage(3);
    const answers = [group.ask(1)];
    await turn();
    answers.push(...[2, 3, 4, 5].map((item) => group.ask(item)));
    await turn();
    expect(begun.map(({ items }) => items)).toEqual([[1]]);
    begun[0]?.end.resolve();
    await turn();
    begun[1]?.end.resolve();
    await turn();
    begun[2]?.end.resolve();
    expect(await Promise.all(answers)).toEqual([10, 20, 30, 40, 50]);
    expect(begun.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  });

  it('refuses only the bad one of a transaction that was refused', async () => {
    const { begun, group, turn } = stage();
    const answers = Promise.allSettled([group.ask(1), group.ask(13), group.ask(2)]);
    for (let n = 0; n < 4; n += 1) {
      await turn();
      begun[n]?.end.resolve();
    }
    expect(await answers).toMatchObject([
      { status: 'fulfilled', value: 10 },
      { status: 'rejected', reason: { message: '13 is bad' } },
      { status: 'fulfilled', value: 20 },
    ]);
    expect(begun.map(({ items }) => items)).toEqual([[1, 13, 2], [1], [13], [2]]);
  });

  it('repeats nothing after a lost connection', async () => {
    const lost = Object.assign(new Error('gone'), { code: 'ECONNRESET' });
    const runs: (readonly number[])[] = [];
    const group = new GroupCommit<number, number>({
      limit: 10,
      run: async (items) => {
        runs.push(items);
        if (runs.length === 1) throw lost;
        return items;
      },
    });
    const answers = await Promise.allSettled([group.ask(1), group.ask(2)]);
    expect(answers).toEqual([
      { status: 'rejected', reason: lost },
      { status: 'rejected', reason: lost },
    ]);
    expect(await group.ask(3)).toBe(3);
    expect(runs).toEqual([[1, 2], [3]]);
  });

  it('begins another one behind a transaction that hangs', async () => {
    const hung = Promise.withResolvers<void>();
    const group = new GroupCommit<number, number>({
      limit: 10,
      run: async (items) => {
        if (items.includes(0)) await hung.promise;
        return items;
      },
    });
    const first = group.ask(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await Promise.all([group.ask(1), group.ask(2)])).toEqual([1, 2]);
    hung.resolve();
    expect(await first).toBe(0);
    expect(await group.ask(3)).toBe(3);
  });
});
