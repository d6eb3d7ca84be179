import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function family(outside: Outside) {
  const { volume } = testResources(outside);
  const slow = defineActionExecutor(volume, {
    name: 'slow',
    plan: (p) => p.poll('isReady', { every: '100ms', timeout: '1h' }).call('extend', [1]),
  });
  const quick = defineActionExecutor(volume, { name: 'quick', plan: (p) => p.call('create') });
  const input = z.object({ slow: z.string(), quick: z.string(), wait: z.boolean() });
  const both = defineExecutor({
    name: 'both',
    input,
    plan: (p, ids) =>
      p.group([(q) => q.child(slow, ids.slow, undefined, { wait: ids.wait }), (q) => q.child(quick, ids.quick)]),
  });
  return { both, executors: [slow, quick, both] };
}

describeOnBrokers('a parent', (broker) => {
  it('that fails cancels the children that are under way, and ends after them', async () => {
    const outside = new Outside();
    outside.on('isReady', () => false);
    const failing = Promise.withResolvers<void>();
    outside.on('create', async () => {
      await failing.promise;
      throw new Error('no licence');
    });
    const { both, executors } = family(outside);
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker();
    const [a, b] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const { executionId } = await bundle.reeve.execute(both, { slow: a.id, quick: b.id, wait: true });
    await eventually(() => expect(outside.names()).toEqual(expect.arrayContaining(['isReady', 'create'])));
    failing.resolve();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'CHILD_FAILED' } });
    const [child] = await bundle.reeve.executions({ executor: 'slow' });
    expect(child?.state).toBe('canceled');
    expect(await readVolume(bundle, a.id)).toMatchObject({ state: 'erred', executionId: null });
    expect(outside.names()).not.toContain('extend');
  });

  it('that is canceled takes its children with it, also where nobody is there to run anything', async () => {
    const outside = new Outside();
    outside.on('isReady', () => false);
    const { both, executors } = family(outside);
    await using bundle = await makeBundle(broker, { executors });
    const worker = await bundle.reeve.startWorker();
    const [a, b] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const { executionId } = await bundle.reeve.execute(both, { slow: a.id, quick: b.id, wait: true });
    await eventually(async () => {
      const [quick] = await bundle.reeve.executions({ executor: 'quick' });
      expect([quick?.state, outside.names().includes('isReady')]).toEqual(['succeeded', true]);
    });
    await worker.stop();
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceled' });
    expect(await readVolume(bundle, a.id)).toMatchObject({ state: 'erred', executionId: null });
    expect(await readVolume(bundle, b.id)).toMatchObject({ state: 'ok', executionId: null });
  });

  it('does not wait for a child that it has let go, which ends by itself', async () => {
    const outside = new Outside();
    const ready = Promise.withResolvers<boolean>();
    outside.on('isReady', () => ready.promise);
    const { both, executors } = family(outside);
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker();
    const [a, b] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const { executionId } = await bundle.reeve.execute(both, { slow: a.id, quick: b.id, wait: false });
    const outcome = await ended(bundle, executionId);
    const [child] = await bundle.reeve.executions({ executor: 'slow' });
    expect(outcome.state).toBe('succeeded');
    expect(child).toMatchObject({ state: 'running', parentId: executionId });
    ready.resolve(true);
    expect((await ended(bundle, child?.id ?? '')).state).toBe('succeeded');
  });
});
