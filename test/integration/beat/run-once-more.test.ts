import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineBackgroundTask, defineSchedule } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { ended } from '../../support/start.ts';
import { withinMs } from '../../support/within.ts';

/** A background task that notes its inputs, and runs until it is let go. */
function heldTask(outcome: 'succeeds' | 'fails' = 'succeeds') {
  const ran: number[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const pull = defineBackgroundTask({
    name: 'pull',
    input: z.object({ n: z.number() }),
    key: () => 'all',
    whenBusy: 'runOnceMore',
    run: async ({ n }, { signal }) => {
      const gate = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => gate.resolve());
      ran.push(n);
      gates.push(gate);
      await gate.promise;
      if (outcome === 'fails') throw new Error('no luck');
      return n;
    },
  });
  return { pull, ran, letGo: (index: number) => gates[index]?.resolve() };
}

const executionsOf = (bundle: Bundle): Promise<{ state: string; input: { n: number }; context: unknown }[]> =>
  bundle.query(`SELECT state, input, context FROM reeve.execution ORDER BY created_at`);

describeOnBrokers('a background task with whenBusy runOnceMore', (broker) => {
  it('runs exactly once more after the live one, with the last input, however often it is asked for', async () => {
    const { pull, ran, letGo } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { reeve, dataSource } = bundle;
    await reeve.startWorker();
    const first = await reeve.execute(pull, { n: 1 });
    await eventually(() => expect(ran).toEqual([1]));
    for (let n = 2; n < 20; n += 1) {
      expect(await reeve.execute(pull, { n })).toEqual({ ...first, created: false, onceMore: true });
    }
    await Promise.all(Array.from({ length: 50 }, (_, index) => reeve.execute(pull, { n: 100 + index })));
    await dataSource.transaction(async (manager) => {
      const inside = await reeve.in(manager).execute(pull, { n: 7 }, { context: { user: 'ada' } });
      expect(inside).toEqual({ ...first, created: false, onceMore: true });
    });
    expect(await executionsOf(bundle)).toHaveLength(1);
    letGo(0);
    await eventually(() => expect(ran).toEqual([1, 7]));
    letGo(1);
    await eventually(async () => {
      expect(await executionsOf(bundle)).toMatchObject([
        { state: 'succeeded', input: { n: 1 } },
        { state: 'succeeded', input: { n: 7 }, context: { user: 'ada' } },
      ]);
    });
    expect(await bundle.query('SELECT 1 FROM reeve.remembered_run')).toHaveLength(0);
  });

  it('several that are asked for at once start one, and remember the last of the others', async () => {
    const { pull, ran, letGo } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const asked = await Promise.all([1, 2, 3].map((n) => bundle.reeve.execute(pull, { n })));
    expect(asked.map(({ created, onceMore }) => [created, onceMore])).toEqual([
      [true, undefined],
      [false, true],
      [false, true],
    ]);
    await bundle.reeve.startWorker();
    await eventually(() => expect(ran).toEqual([1]));
    letGo(0);
    await eventually(() => expect(ran).toEqual([1, 3]));
    letGo(1);
  });

  it.each(['failure', 'cancel'] as const)('runs once more also after a %s of the live one', async (how) => {
    const { pull, ran, letGo } = heldTask('fails');
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(pull, { n: 1 });
    await eventually(() => expect(ran).toEqual([1]));
    await bundle.reeve.execute(pull, { n: 2 });
    if (how === 'cancel') await bundle.reeve.cancel(executionId);
    letGo(0);
    expect((await ended(bundle, executionId)).state).toBe(how === 'cancel' ? 'canceled' : 'failed');
    await eventually(() => expect(ran).toEqual([1, 2]));
    letGo(1);
    await eventually(async () => expect(await executionsOf(bundle)).toMatchObject([{}, { state: 'failed' }]));
  });

  it('a beat alone starts it when the process that ran the live one is gone', async () => {
    const { pull } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { executionId } = await bundle.reeve.execute(pull, { n: 1 });
    await bundle.reeve.execute(pull, { n: 2 });
    const other = bundle.another();
    await other.cancel(executionId);
    await other.close();
    await bundle.reeve.startBeat();
    await eventually(async () =>
      expect(await executionsOf(bundle)).toMatchObject([
        { state: 'canceled', input: { n: 1 } },
        { state: 'running', input: { n: 2 } },
      ]),
    );
  });

  it('a request that is rolled back is not remembered, and one that finds none alive takes the remembered one over', async () => {
    const { pull } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { reeve, dataSource } = bundle;
    const { executionId } = await reeve.execute(pull, { n: 1 });
    await dataSource
      .transaction(async (manager) => {
        await reeve.in(manager).execute(pull, { n: 2 });
        throw new Error('no');
      })
      .catch(() => undefined);
    expect(await bundle.query('SELECT 1 FROM reeve.remembered_run')).toHaveLength(0);
    await reeve.execute(pull, { n: 3 });
    await reeve.cancel(executionId);
    expect(await reeve.execute(pull, { n: 4 })).toMatchObject({ created: true });
    await reeve.startWorker({ queues: ['heavy'] });
    expect(await bundle.query('SELECT 1 FROM reeve.remembered_run')).toHaveLength(0);
    expect(await executionsOf(bundle)).toMatchObject([{ input: { n: 1 } }, { input: { n: 4 } }]);
  });

  it('keeps a request that came later than the one that is being started', async () => {
    const { pull } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { reeve, dataSource } = bundle;
    const { executionId } = await reeve.execute(pull, { n: 1 });
    await reeve.execute(pull, { n: 2 });
    // An open transaction asks again while the live one ends and a third request starts the next run.
    const opened = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const late = dataSource.transaction(async (manager) => {
      await reeve.in(manager).execute(pull, { n: 3 });
      opened.resolve();
      await commit.promise;
    });
    await opened.promise;
    await reeve.cancel(executionId);
    expect(await reeve.execute(pull, { n: 4 })).toMatchObject({ created: true });
    commit.resolve();
    await late;
    expect(await bundle.query('SELECT request FROM reeve.remembered_run')).toMatchObject([
      { request: { input: { n: 3 } } },
    ]);
  });

  it('says BUSY while another open transaction starts one with the same key', async () => {
    const { pull } = heldTask();
    await using bundle = await makeBundle(broker, { tasks: [pull], lockTimeout: '200ms' });
    const { reeve, dataSource } = bundle;
    const opened = Promise.withResolvers<void>();
    const commit = Promise.withResolvers<void>();
    const rival = dataSource.transaction(async (manager) => {
      await reeve.in(manager).execute(pull, { n: 1 });
      opened.resolve();
      await commit.promise;
    });
    await opened.promise;
    const before = performance.now();
    await expect(reeve.execute(pull, { n: 2 })).rejects.toMatchObject({ code: 'BUSY', retryable: true });
    expect(performance.now() - before).toBeLessThan(withinMs(3_000));
    await expect(dataSource.transaction((manager) => reeve.in(manager).execute(pull, { n: 2 }))).rejects.toMatchObject({
      code: 'BUSY',
    });
    commit.resolve();
    await rival;
    expect(await reeve.execute(pull, { n: 2 })).toMatchObject({ created: false, onceMore: true });
  });

  it('a schedule says that one more run is remembered', async () => {
    const { pull } = heldTask();
    const schedule = defineSchedule(pull, { name: 'pull', every: '1s', input: { n: 9 }, overlap: 'allow' });
    await using bundle = await makeBundle(broker, { tasks: [pull], schedules: [schedule] });
    await bundle.reeve.execute(pull, { n: 1 });
    await bundle.reeve.startBeat();
    await eventually(async () => {
      const [last] = (await bundle.reeve.schedules.explain('pull')).past;
      expect(last).toMatchObject({ verdict: 'skipped', reason: expect.stringContaining('it runs once more after it') });
    });
  });

  it('refuses a key that is no text, and a word for whenBusy that it does not know', async () => {
    const odd = defineBackgroundTask({ name: 'odd', key: () => undefined as unknown as string, run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [odd] });
    await expect(bundle.reeve.execute(odd)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      message: expect.stringContaining('the "key" of background task "odd" gave undefined; give a text'),
    });
    for (const [key, says] of [
      ['a\u0000b', 'a NUL character'],
      ['\ud800', 'a lone surrogate'],
      ['x'.repeat(1_001), 'a text of 1001 characters'],
      ['€'.repeat(900), 'more than 2500'],
    ]) {
      const bad = defineBackgroundTask({ name: 'odd', key: () => key as string, run: () => null });
      await using other = await makeBundle(broker, { tasks: [bad] });
      await expect(other.reeve.execute(bad)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: expect.stringContaining(says as string),
      });
    }
    const wrong = { name: 'odd', key: () => 'x', whenBusy: 'later' as 'skip', run: () => null };
    expect(() => defineBackgroundTask(wrong)).toThrow('whenBusy "later"; use "skip" or "runOnceMore"');
  });
});
