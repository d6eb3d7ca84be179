import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function holding(outside: Outside) {
  const { volume } = testResources(outside);
  const input = z.object({ others: z.array(z.string()) });
  const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
  const hold = defineActionExecutor(volume, {
    name: 'volume.hold',
    input,
    plan: (p, { others }) =>
      p
        .hold(
          others.map((id) => ({ resource: volume, id })),
          (q) => q.call('create'),
        )
        .call('rename'),
  });
  const lend = defineExecutor(volume, {
    name: 'volume.lend',
    input,
    plan: (p, { others }) =>
      others.reduce<typeof p>(
        (q, id) => q.hold({ resource: volume, id }, (r) => r.child(rename, id).call('create')) as never,
        p,
      ),
  });
  return { volume, rename, hold, lend, executors: [rename, hold, lend] };
}

describeOnBrokers('a hold', (broker) => {
  it('waits until the resource is free, keeps everybody else from it, and frees it at the end of its scope', async () => {
    const outside = new Outside();
    const { rename, hold, executors } = holding(outside);
    const busy = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    outside.on('rename', () => busy.promise);
    outside.on('create', () => inside.promise);
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker();
    const main = await volumeIn(bundle, 'ok', { name: 'main' });
    const other = await volumeIn(bundle, 'ok', { name: 'other' });
    const first = await bundle.reeve.execute(rename, other.id);
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    const holder = await bundle.reeve.execute(hold, main.id, { others: [other.id] });
    await eventually(async () => {
      const { chain } = await bundle.reeve.why(holder.executionId);
      expect(chain[0]).toMatchObject({
        kind: 'hold',
        text: expect.stringContaining(`belongs to execution ${first.executionId}`),
      });
    });
    busy.resolve();
    expect((await ended(bundle, first.executionId)).state).toBe('succeeded');
    await eventually(() => expect(outside.names()).toEqual(['rename', 'create']));
    expect(await readVolume(bundle, other.id)).toMatchObject({ state: 'ok', executionId: holder.executionId });
    await expect(bundle.reeve.execute(rename, other.id)).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      details: { executionId: holder.executionId },
    });
    expect(await bundle.reeve.checkInvariants()).toEqual([]);
    inside.resolve();
    expect((await ended(bundle, holder.executionId)).state).toBe('succeeded');
    expect(await readVolume(bundle, other.id)).toMatchObject({ state: 'ok', executionId: null });
  });

  it('is lent to a child, which gives it back', async () => {
    const outside = new Outside();
    const { lend, executors } = holding(outside);
    await using bundle = await makeBundle(broker, { executors });
    const seen: (string | null | undefined)[] = [];
    await bundle.reeve.startWorker();
    const main = await volumeIn(bundle, 'ok', { name: 'main' });
    const other = await volumeIn(bundle, 'ok', { name: 'other' });
    outside.answer = async (method) => {
      outside.calls.push([method]);
      seen.push((await readVolume(bundle, other.id))?.executionId);
      return undefined;
    };
    const { executionId } = await bundle.reeve.execute(lend, main.id, { others: [other.id] });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const [child] = await bundle.reeve.executions({ executor: 'volume.rename' });
    expect(seen).toEqual([child?.id, executionId]);
    expect(await bundle.statesOf(other.id)).toEqual(['ok', 'update_scheduled', 'updating', 'ok']);
    expect(await readVolume(bundle, other.id)).toMatchObject({ executionId: null });
  });

  it('in a circle: the one that came last gives way with HOLD_CIRCLE, the others go on', async () => {
    const outside = new Outside();
    const { hold, executors } = holding(outside);
    await using bundle = await makeBundle(broker, { executors });
    const a = await volumeIn(bundle, 'ok', { name: 'a' });
    const b = await volumeIn(bundle, 'ok', { name: 'b' });
    const first = await bundle.reeve.execute(hold, a.id, { others: [b.id] });
    const second = await bundle.reeve.execute(hold, b.id, { others: [a.id] });
    await bundle.reeve.startWorker();
    expect(await ended(bundle, second.executionId)).toMatchObject({ state: 'failed', error: { code: 'HOLD_CIRCLE' } });
    expect((await ended(bundle, first.executionId)).state).toBe('succeeded');
    expect(await readVolume(bundle, b.id)).toMatchObject({ state: 'erred', executionId: null });
  });

  it('of a resource that does not exist fails, and of several takes all or none', async () => {
    const outside = new Outside();
    const { hold, rename, executors } = holding(outside);
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    const [main, x, y] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const busy = await bundle.reeve.execute(rename, y.id);
    const both = await bundle.reeve.execute(hold, main.id, { others: [x.id, y.id] });
    await eventually(async () => expect(await bundle.query('SELECT 1 FROM reeve.throttle')).toHaveLength(2));
    expect(await readVolume(bundle, x.id)).toMatchObject({ executionId: null });
    await bundle.reeve.startWorker();
    for (const { executionId } of [busy, both]) expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const gone = '00000000-0000-4000-8000-000000000000';
    const lost = await bundle.reeve.execute(hold, main.id, { others: [gone] });
    expect(await ended(bundle, lost.executionId)).toMatchObject({
      state: 'failed',
      error: { code: 'RESOURCE_NOT_FOUND' },
    });
  });

  it('that is asked for again by a retry, of a resource that is gone by then, fails with the reason', async () => {
    const outside = new Outside();
    const { hold, executors } = holding(outside);
    outside.on('create', () => Promise.reject(new Error('no disk')));
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker();
    const main = await volumeIn(bundle, 'ok', { name: 'main' });
    const other = await volumeIn(bundle, 'ok', { name: 'other' });
    const { executionId } = await bundle.reeve.execute(hold, main.id, { others: [other.id] });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'no disk' } });
    await bundle.query('DELETE FROM volume WHERE id = $1', [other.id]);
    await bundle.reeve.retry(executionId);
    expect(await ended(bundle, executionId)).toMatchObject({
      state: 'failed',
      error: {
        code: 'RESOURCE_NOT_FOUND',
        message: expect.stringContaining(`${other.id} does not exist, so it cannot be held`),
      },
    });
    expect(await bundle.query('SELECT 1 FROM reeve.permit')).toEqual([]);
  });
});
