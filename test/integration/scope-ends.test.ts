import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineCreateExecutor,
  defineExecutor,
  defineTask,
  defineThrottle,
} from '../../src/index.ts';
import { makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { newVolume, withKit } from '../support/kit.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

const { volume } = testResources(new Outside());
const two = defineThrottle({ name: 'two', limit: 2 });
const echo = defineTask({ name: 'echo', input: z.string(), run: (input) => input });

describe('the end of a scope', () => {
  it('comes at once where there is nothing in it, and frees its permit', async () => {
    const empty = defineActionExecutor(volume, {
      name: 'empty',
      throttle: two,
      plan: (p) => p.groupEach([] as string[], (q) => q.call('rename')),
    });
    await withKit({ executors: [empty] }, async (kit, dataSource) => {
      const { executionId } = await kit.execute(empty, (await newVolume(dataSource)).id);
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      expect(await dataSource.query('SELECT 1 FROM reeve.permit')).toEqual([]);
    });
  });

  it('comes after a retry inside of it, also where a bounded group goes on there', async () => {
    const bounded = defineActionExecutor(volume, {
      name: 'bounded',
      plan: (p) =>
        p.throttled(two, (q) => q.groupEach([1, 2, 3, 4], (r, size) => r.call('extend', [size]), { concurrency: 2 })),
    });
    await withKit({ executors: [bounded] }, async (kit, dataSource) => {
      const backend = kit.backend(volume);
      const { executionId } = await kit.execute(bounded, (await newVolume(dataSource)).id);
      await kit.step();
      await kit.step();
      backend.fail('extend', 'disk full');
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'failed' });
      await kit.reeve.retry(executionId);
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      expect(backend.names()).toHaveLength(5);
    });
  });

  it('is reached by an execution that was paused while its countdown ran', async () => {
    const later = defineActionExecutor(volume, { name: 'later', throttle: two, plan: (p) => p.call('rename') });
    await withKit({ executors: [later] }, async (kit, dataSource) => {
      const { executionId } = await kit.execute(later, (await newVolume(dataSource)).id, {}, { countdown: '10s' });
      await kit.reeve.pause(executionId);
      await kit.clock.advance('1m');
      await kit.reeve.resume(executionId);
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
    });
  });
});

describe('a hold', () => {
  const hold = defineActionExecutor(volume, {
    name: 'hold',
    input: z.object({ id: z.string() }),
    plan: (p, { id }) => p.hold({ resource: volume, id }, (q) => q.call('rename')),
  });

  it('on what the operation owns itself fails and says so', async () => {
    await withKit({ executors: [hold] }, async (kit, dataSource) => {
      const { id } = await newVolume(dataSource);
      const { executionId } = await kit.execute(hold, id, { id });
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'failed', error: { code: 'HOLD_CIRCLE' } });
    });
  });

  it('on an id that is none fails, and holds nobody else up', async () => {
    await withKit({ executors: [hold] }, async (kit, dataSource) => {
      const [a, b, c] = [await newVolume(dataSource), await newVolume(dataSource), await newVolume(dataSource)];
      const wrong = await kit.execute(hold, a.id, { id: 'abc' });
      const right = await kit.execute(hold, b.id, { id: c.id });
      await kit.drain();
      expect(await kit.result(wrong.executionId)).toMatchObject({
        state: 'failed',
        error: { code: 'RESOURCE_NOT_FOUND' },
      });
      expect(await kit.result(right.executionId)).toMatchObject({ state: 'succeeded' });
    });
  });
});

describe('an execution that fails', () => {
  it('ends although the row of a child that never started refuses its rule', async () => {
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create') });
    const parent = defineExecutor({
      name: 'parent',
      input: z.object({ ids: z.array(z.string()) }),
      plan: (p, { ids }) => p.each(ids, (q, id) => q.child(create, id, {}, { onParentFailure: 'delete' })),
    });
    await withKit({ executors: [create, parent] }, async (kit, dataSource) => {
      const [a, b] = [
        await newVolume(dataSource, 'creation_scheduled'),
        await newVolume(dataSource, 'creation_scheduled'),
      ];
      await dataSource.query(`CREATE TABLE pin (volume_id uuid REFERENCES volume (id))`);
      await dataSource.query(`INSERT INTO pin VALUES ($1)`, [b.id]);
      kit.backend(volume).fail('create', 'no room');
      const { executionId } = await kit.execute(parent, { ids: [a.id, b.id] });
      await kit.drain();
      expect(await kit.result(executionId)).toMatchObject({ state: 'failed', error: { code: 'CHILD_FAILED' } });
    });
  });

  it('while a step works out what to add asks it again at a retry', async () => {
    const outside = new Outside();
    const loaded = Promise.withResolvers<void>();
    let broken = true;
    const work = defineTask({
      name: 'work',
      run: () => {
        if (broken) throw new Error('broken');
      },
    });
    const loads: string[] = [];
    const grow = defineExecutor(volume, {
      name: 'grow',
      plan: (p) =>
        p.group([
          (q) =>
            q.expand(
              async () => {
                loads.push('load');
                await loaded.promise;
                return ['a', 'b'];
              },
              (r, words) => r.each(words, (s, word) => s.run(echo, word)),
            ),
          (q) => q.run(work),
        ]),
    });
    await using bundle = await makeBundle('postgres', { executors: [grow], tasks: [work, echo] });
    await bundle.reeve.startWorker({ queues: { tasks: 4 } });
    const { executionId } = await bundle.reeve.execute(grow, (await volumeIn(bundle, 'ok')).id);
    await eventually(async () => {
      expect(loads).toEqual(['load']);
      expect((await bundle.reeve.execution(executionId)).state).toBe('failing');
    });
    loaded.resolve();
    expect((await ended(bundle, executionId)).state).toBe('failed');
    broken = false;
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.filter((step) => step.task === 'echo').map((step) => [step.state, step.result])).toEqual([
      ['succeeded', 'a'],
      ['succeeded', 'b'],
    ]);
    expect(outside.calls).toEqual([]);
  });
});
