import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineCreateExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { withinMs } from '../support/within.ts';

describeOnBrokers('the steps of a chain', (broker) => {
  it('W6 a step gets exactly the id that the step before it returned, also after a worker restart between the two', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, {
      plan: (p) =>
        p
          .call('create', [{ image: 'debian' }], { save: (result) => ({ backendId: result.actionId }) })
          .call('wait', (previous) => [previous.actionId], { queue: 'heavy' }),
    });
    outside.on('create', () => ({ actionId: 'action-4711' }));
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    const first = await bundle.reeve.startWorker({ queues: ['tasks'] });
    const volumeRow = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(createVolume, volumeRow);
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps.map((step) => step.state)).toEqual(['succeeded', 'ready', 'pending']);
    });
    await first.stop();
    expect(outside.names()).toEqual(['create']);

    await using other = bundle.another();
    await other.startWorker({ queues: ['heavy'] });
    expect((await ended(bundle, executionId)).result).toBe('action-4711');
    expect(outside.calls).toEqual([
      ['create', 'data', { image: 'debian' }],
      ['wait', 'action-4711'],
    ]);
    expect(await readVolume(bundle, volumeRow.id)).toMatchObject({ state: 'ok', backendId: 'action-4711' });
  });

  it('W6 a task gets fields of named earlier steps', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const seen: unknown[] = [];
    const note = defineTask({
      name: 'note',
      input: z.object({ action: z.string(), ready: z.boolean() }),
      run: (input) => {
        seen.push(input);
      },
    });
    const createVolume = defineCreateExecutor(volume, {
      plan: (p) =>
        p
          .call('create')
          .as('created')
          .poll('isReady', { every: '50ms', timeout: '5s' })
          .run(note, (previous, steps) => ({ action: steps.created.actionId, ready: previous })),
    });
    await using bundle = await makeBundle(broker, { executors: [createVolume], tasks: [note] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(createVolume, await volumeIn(bundle, 'creation_scheduled'));
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(seen).toEqual([{ action: 'action-data', ready: true }]);
  });

  it('W7 a step after a wait starts not earlier than that, and no worker slot is busy in between', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, { plan: (p) => p.call('create').wait('2s').call('rename') });
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(createVolume, await volumeIn(bundle, 'creation_scheduled'));
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps.map((step) => step.state)).toEqual(['succeeded', 'delayed', 'pending']);
    });
    const { queues } = await bundle.reeve.status();
    expect(queues.find((queue) => queue.name === 'tasks')).toMatchObject({ ready: 0, running: 0, delayed: 1 });
    await ended(bundle, executionId);
    const { steps } = await bundle.reeve.execution(executionId);
    const pause = Number(steps[1]?.startedAt) - Number(steps[0]?.finishedAt);
    expect(pause).toBeGreaterThanOrEqual(2_000);
    expect(pause).toBeLessThan(withinMs(3_000));
  });
});
