import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

describeOnBrokers('a retry', (broker) => {
  it('of a bounded group runs the failed member and those that never started, within the bound', async () => {
    let broken = true;
    const ran: number[] = [];
    const member = defineTask({
      name: 'member',
      input: z.number(),
      run: (n) => {
        if (n === 2 && broken) throw new Error('member 2 is broken');
        ran.push(n);
        return n;
      },
    });
    const sum = defineTask({ name: 'sum', input: z.array(z.number()), run: (all) => all.reduce((a, b) => a + b, 0) });
    const bounded = defineExecutor({
      name: 'bounded',
      plan: (p) =>
        p.chord(
          [0, 1, 2, 3, 4].map((n) => (q: typeof p) => q.run(member, n)),
          sum,
          { concurrency: 2 },
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [bounded], tasks: [member, sum] });
    await bundle.reeve.startWorker({ queues: ['tasks'], concurrency: 1 });
    const { executionId } = await bundle.reeve.execute(bounded);
    expect((await ended(bundle, executionId)).state).toBe('failed');
    broken = false;
    await bundle.reeve.retry(executionId, { by: 'ada' });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: 10 });
    expect(ran.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  });

  it('leaves the side of a gate that was not taken alone', async () => {
    let broken = true;
    const ran: string[] = [];
    const work = defineTask({
      name: 'work',
      input: z.string(),
      run: (name) => {
        if (name === 'last' && broken) throw new Error('not yet');
        ran.push(name);
      },
    });
    const gated = defineExecutor({
      name: 'gated',
      plan: (p) =>
        p
          .when(
            () => true,
            (q) => q.run(work, 'taken'),
            (q) => q.run(work, 'not taken').run(work, 'not taken either'),
          )
          .run(work, 'last'),
    });
    await using bundle = await makeBundle(broker, { executors: [gated], tasks: [work] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(gated);
    expect((await ended(bundle, executionId)).state).toBe('failed');
    broken = false;
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(ran).toEqual(['taken', 'last']);
  });
});

describeOnBrokers('a child', (broker) => {
  it('that failed goes on where it failed when its parent is retried', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const inner = defineActionExecutor(volume, {
      name: 'volume.inner',
      plan: (p) => p.call('rename').call('extend', [2]),
    });
    const outer = defineExecutor({ name: 'outer', input: z.string(), plan: (p, id) => p.child(inner, id) });
    outside.on(
      'extend',
      () => {
        throw new Error('busy');
      },
      () => undefined,
    );
    await using bundle = await makeBundle(broker, { executors: [inner, outer] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(outer, row.id);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'CHILD_FAILED' } });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred' });
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename', 'extend', 'extend']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', errorMessage: '' });
    expect(await bundle.reeve.executions({ executor: 'volume.inner' })).toHaveLength(1);
  });

  it('is canceled with its parent', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const inner = defineActionExecutor(volume, {
      name: 'volume.inner',
      plan: (p) => p.call('rename').wait('1h').call('extend', [2]),
    });
    const outer = defineExecutor({ name: 'outer', input: z.string(), plan: (p, id) => p.child(inner, id) });
    await using bundle = await makeBundle(broker, { executors: [inner, outer] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(outer, row.id);
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    await bundle.reeve.cancel(executionId, { reason: 'not needed', by: 'ada' });
    expect((await ended(bundle, executionId)).state).toBe('canceled');
    const [child] = await bundle.reeve.executions({ executor: 'volume.inner' });
    expect(child).toMatchObject({ state: 'canceled', parentId: executionId });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null });
    expect(outside.names()).toEqual(['rename']);
  });
});

describeOnBrokers('why', (broker) => {
  it('follows a child to what the child waits for, and names a place in a group', async () => {
    const { volume } = testResources(new Outside());
    const inner = defineActionExecutor(volume, {
      name: 'volume.inner',
      plan: (p) => p.call('rename', { queue: 'heavy' }),
    });
    const outer = defineExecutor({
      name: 'outer',
      input: z.array(z.string()),
      plan: (p, ids) =>
        p.group(
          ids.map((id) => (q: typeof p) => q.child(inner, id)),
          { concurrency: 1 },
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [inner, outer] });
    await bundle.reeve.startWorker({ queues: ['tasks'] });
    const rows = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const { executionId } = await bundle.reeve.execute(
      outer,
      rows.map((row) => row.id),
    );
    await eventually(async () => {
      const { chain } = await bundle.reeve.why(executionId);
      expect(chain.map((blocker) => blocker.kind)).toEqual(['waiting', 'no-worker', 'waiting']);
      expect(chain[0]?.text).toMatch(/waits for its child, execution/);
      expect(chain[1]?.text).toContain('nobody who lives serves queue "heavy"');
      expect(chain[2]?.text).toContain('waits for a place among the members of its group');
    });
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
  });
});
