import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineCreateExecutor, defineExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

/** A task that notes when it begins and ends, so that a test sees what overlapped. */
function recorder(ms = 0) {
  const log: string[] = [];
  let now = 0;
  let most = 0;
  const work = defineTask({
    name: 'work',
    input: z.object({ name: z.string() }),
    run: async ({ name }) => {
      log.push(`+${name}`);
      now += 1;
      most = Math.max(most, now);
      await pause(ms);
      now -= 1;
      log.push(`-${name}`);
      return { name };
    },
  });
  return { work, log, most: () => most };
}

const collect = defineTask({
  name: 'collect',
  input: z.array(z.object({ name: z.string() })),
  run: (members) => members.map((member) => member.name).join(),
});

describeOnBrokers('a group', (broker) => {
  it('W22 runs its members side by side, and what follows runs exactly once, after the last', async () => {
    const { work, log } = recorder(500);
    const fanOut = defineExecutor({
      name: 'fan-out',
      plan: (p) =>
        p
          .group(
            ['a', 'b', 'c'].map((name) => (q: typeof p) => q.run(work, { name })),
            { concurrency: 3 },
          )
          .run(work, { name: 'after' }),
    });
    await using bundle = await makeBundle(broker, { executors: [fanOut], tasks: [work] });
    await bundle.reeve.startWorker();
    const startedAt = performance.now();
    const { executionId } = await bundle.reeve.execute(fanOut);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(performance.now() - startedAt).toBeLessThan(withinMs(2_000));
    expect(log.slice(0, 3).toSorted()).toEqual(['+a', '+b', '+c']);
    expect(log.slice(-2)).toEqual(['+after', '-after']);
    expect(log).toHaveLength(8);
  });

  it('gives what follows the results of its members in their order, each typed by its branch', async () => {
    const { work } = recorder();
    const sizes = defineTask({ name: 'sizes', run: () => ({ size: 7 }) });
    const both = defineTask({
      name: 'both',
      input: z.object({ name: z.string(), size: z.number() }),
      run: (input) => input,
    });
    const typed = defineExecutor({
      name: 'typed',
      plan: (p) =>
        p
          .group([(q) => q.run(work, { name: 'x' }), (q) => q.run(work, { name: 'y' }).run(sizes)])
          .run(both, ([first, second]) => ({ name: first.name, size: second.size })),
    });
    await using bundle = await makeBundle(broker, { executors: [typed], tasks: [work, sizes, both] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(typed);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: { name: 'x', size: 7 } });
  });

  it('with a bound never has more members under way, starts them in order, and keeps a slot for all steps of a member', async () => {
    const { work, log } = recorder(60);
    const { work: quick } = recorder();
    const members = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const open = new Set<string>();
    let most = 0;
    const enter = defineTask({
      name: 'enter',
      input: z.object({ name: z.string() }),
      run: ({ name }) => {
        open.add(name);
        most = Math.max(most, open.size);
        return { name };
      },
    });
    const leave = defineTask({
      name: 'leave',
      input: z.object({ name: z.string() }),
      run: ({ name }) => open.delete(name),
    });
    const bounded = defineExecutor({
      name: 'bounded',
      plan: (p) =>
        p.group(
          members.map((name) => (q: typeof p) => q.run(enter, { name }).run(work, { name }).run(leave, { name })),
          { concurrency: 2 },
        ),
    });
    const tasks = [work, enter, leave, { ...quick, name: 'quick' }];
    await using bundle = await makeBundle(broker, { executors: [bounded], tasks });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(bounded);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(most).toBe(2);
    expect(log.filter((line) => line.startsWith('+'))).toHaveLength(members.length);
    const admitted = await bundle.query<{ position: number }>(
      `SELECT position FROM reeve.step WHERE task = 'enter' ORDER BY ready_at, position`,
    );
    expect(admitted.map((row) => row.position)).toEqual(members.map((_name, index) => index * 3));
  });

  it('whose member fails ends its execution once the running members have ended, and starts none of the others', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const slow = defineTask({
      name: 'slow',
      run: async () => {
        started.resolve();
        await gate.promise;
      },
    });
    const bad = defineTask({
      name: 'bad',
      run: async () => {
        await started.promise;
        throw new Error('member three is broken');
      },
    });
    const never = defineTask({ name: 'never', run: () => outside.answer('never') });
    const build = defineActionExecutor(volume, {
      name: 'volume.build',
      plan: (p) => p.group([(q) => q.run(slow), (q) => q.run(bad), (q) => q.run(never)], { concurrency: 2 }).run(never),
    });
    await using bundle = await makeBundle(broker, { executors: [build], tasks: [slow, bad, never] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(build, row);
    await eventually(async () => {
      expect(await bundle.reeve.execution(executionId)).toMatchObject({ state: 'failing' });
    });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'updating' });
    gate.resolve();
    expect(await ended(bundle, executionId)).toMatchObject({
      state: 'failed',
      error: { message: 'member three is broken' },
    });
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.map((step) => step.state)).toEqual([
      'succeeded',
      'failed',
      'skipped',
      'skipped',
      'skipped',
      'skipped',
    ]);
    expect(outside.calls).toEqual([]);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', errorMessage: 'member three is broken' });
  });
});

describeOnBrokers('a chord', (broker) => {
  it('gives all results to its callback, also nested in a group that is nested in a chain, in order', async () => {
    const { work, log } = recorder(5);
    const nested = defineExecutor({
      name: 'nested',
      plan: (p) =>
        p
          .run(work, { name: 'before' })
          .group([
            (q) => q.chord([(r) => r.run(work, { name: 'a' }), (r) => r.run(work, { name: 'b' })], collect),
            (q) => q.run(work, { name: 'c' }).run(work, { name: 'd' }),
          ])
          .run(work, ([joined]) => ({ name: joined }))
          .run(work, { name: 'end' }),
    });
    await using bundle = await makeBundle(broker, { executors: [nested], tasks: [work, collect] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(nested);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const at = (line: string): number => log.indexOf(line);
    expect(log).toHaveLength(14);
    expect(at('-before')).toBeLessThan(Math.min(at('+a'), at('+b'), at('+c')));
    expect(at('-c')).toBeLessThan(at('+d'));
    expect(Math.max(at('-a'), at('-b'), at('-d'))).toBeLessThan(at('+a,b'));
    expect(at('-a,b')).toBeLessThan(at('+end'));
  });

  it('of a thousand members runs its callback exactly once', async () => {
    const numbers = Array.from({ length: 1_000 }, (_, index) => index);
    const square = defineTask({ name: 'square', input: z.number(), run: (n) => n * n });
    let callbacks = 0;
    const total = defineTask({
      name: 'total',
      input: z.array(z.number()),
      run: (values) => {
        callbacks += 1;
        return values.reduce((sum, value) => sum + value, 0);
      },
    });
    const wide = defineExecutor({
      name: 'wide',
      plan: (p) =>
        p.chord(
          numbers.map((n) => (q: typeof p) => q.run(square, n)),
          total,
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [wide], tasks: [square, total] });
    await bundle.reeve.startWorker({ queues: ['tasks'], concurrency: 20 });
    const { executionId } = await bundle.reeve.execute(wide);
    const outcome = await bundle.reeve.result(executionId, { timeout: '60s' });
    expect(outcome).toMatchObject({ state: 'succeeded', result: 332_833_500 });
    expect(callbacks).toBe(1);
  });
});

describeOnBrokers('a gate', (broker) => {
  const outside = new Outside();
  const { volume } = testResources(outside);
  const decide = defineCreateExecutor(volume, {
    plan: (p) =>
      p
        .call('create', { save: (result) => ({ backendId: result.actionId }) })
        .when(
          (row) => row.backendId === 'existing',
          (q) => q.call('rename').group([(r) => r.call('extend', [2]), (r) => r.call('isReady')]),
          (q) => q.call('remove').call('create'),
        )
        .when(
          () => false,
          (q) => q.call('remove'),
        )
        .when(
          () => true,
          (q) => q,
        )
        .call('state'),
  });

  it('decides on what is true when it is reached, runs that side and skips the other', async () => {
    await using bundle = await makeBundle(broker, { executors: [decide] });
    await bundle.reeve.startWorker();
    outside.calls.length = 0;
    outside.on('create', () => ({ actionId: 'existing' }));
    const first = await bundle.reeve.execute(decide, await volumeIn(bundle, 'creation_scheduled'));
    expect((await ended(bundle, first.executionId)).state).toBe('succeeded');
    expect(outside.names().toSorted()).toEqual(['create', 'extend', 'isReady', 'rename', 'state']);
    expect(outside.names().slice(0, 2)).toEqual(['create', 'rename']);
    outside.calls.length = 0;
    outside.on('create', () => ({ actionId: 'new' }));
    const second = await bundle.reeve.execute(decide, await volumeIn(bundle, 'creation_scheduled'));
    expect((await ended(bundle, second.executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['create', 'remove', 'create', 'state']);
  });

  it('that throws fails the execution with what it threw', async () => {
    const broken = defineActionExecutor(volume, {
      name: 'volume.broken',
      plan: (p) =>
        p.when(
          () => {
            throw new Error('cannot tell');
          },
          (q) => q.call('rename'),
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [broken] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(broken, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'cannot tell' } });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred' });
  });

  it('is left to a build that has the plan it was made from', async () => {
    const planOf = (method: 'rename' | 'remove') =>
      defineActionExecutor(volume, {
        name: 'volume.gated',
        plan: (p) =>
          p.when(
            () => true,
            (q) => q.call(method),
          ),
      });
    await using bundle = await makeBundle(broker, { executors: [planOf('rename')] });
    const [gated] = bundle.reeve.options.executors as unknown as [ReturnType<typeof planOf>];
    await using newer = bundle.another({ executors: [planOf('remove')] });
    const handle = await newer.startWorker();
    outside.calls.length = 0;
    const { executionId } = await bundle.reeve.execute(gated, await volumeIn(bundle, 'ok'));
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps[0]?.attempts).toMatchObject([{ outcome: 'polled' }]);
    });
    await handle.stop();
    await bundle.reeve.startWorker();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename']);
  });
});
