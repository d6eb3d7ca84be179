import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, involve } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { InstanceSchema, Outside, testResources, type Instance } from '../support/volume.ts';

function extendOf(outside: Outside, found: { instance?: Instance }) {
  const { volume, instance } = testResources(outside);
  const extendVolume = defineActionExecutor(volume, {
    name: 'volume.extend',
    action: 'extend',
    input: z.object({ sizeGb: z.number().int() }),
    involves: () => (found.instance === undefined ? [] : [involve(instance, found.instance)]),
    plan: (p, { sizeGb }) => p.call('extend', [sizeGb]),
  });
  return { extendVolume, resources: [instance] };
}

async function instanceIn(bundle: Bundle, state: string): Promise<Instance> {
  const saved = await bundle.dataSource.manager.save(InstanceSchema, { name: 'web', state });
  return bundle.dataSource.manager.findOneByOrFail(InstanceSchema, { id: saved.id });
}

const readInstance = (bundle: Bundle, id: string): Promise<Instance | null> =>
  bundle.dataSource.manager.findOneBy(InstanceSchema, { id });

describeOnBrokers('an operation on two resources', (broker) => {
  it('W15 both end ok with cleared actions when it succeeds', async () => {
    const outside = new Outside();
    const found: { instance?: Instance } = {};
    const { extendVolume, resources } = extendOf(outside, found);
    await using bundle = await makeBundle(broker, { executors: [extendVolume], resources });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok');
    found.instance = await instanceIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extendVolume, volume, { sizeGb: 20 });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const clear = { state: 'ok', action: '', actionDetails: {}, executionId: null, errorMessage: '' };
    expect(await readVolume(bundle, volume.id)).toMatchObject(clear);
    expect(await readInstance(bundle, found.instance.id)).toMatchObject(clear);
    const passed = ['ok', 'update_scheduled', 'updating', 'ok'];
    expect(await bundle.statesOf(volume.id)).toEqual(passed);
    expect(await bundle.statesOf(found.instance.id)).toEqual(passed);
  });

  it('W15 both end erred with the same message when it fails', async () => {
    const outside = new Outside();
    const found: { instance?: Instance } = {};
    const { extendVolume, resources } = extendOf(outside, found);
    outside.on('extend', () => {
      throw new Error('no space left in the pool');
    });
    await using bundle = await makeBundle(broker, { executors: [extendVolume], resources });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok');
    found.instance = await instanceIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extendVolume, volume, { sizeGb: 20 });
    expect((await ended(bundle, executionId)).state).toBe('failed');
    const erred = { state: 'erred', action: '', executionId: null, errorMessage: 'no space left in the pool' };
    expect(await readVolume(bundle, volume.id)).toMatchObject(erred);
    expect(await readInstance(bundle, found.instance.id)).toMatchObject(erred);
  });

  it('W15 neither changes when the other resource is busy at the start', async () => {
    const outside = new Outside();
    const found: { instance?: Instance } = {};
    const { extendVolume, resources } = extendOf(outside, found);
    await using bundle = await makeBundle(broker, { executors: [extendVolume], resources });
    const volume = await volumeIn(bundle, 'ok');
    found.instance = await instanceIn(bundle, 'creation_scheduled');
    await expect(bundle.reeve.execute(extendVolume, volume, { sizeGb: 20 })).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      details: { resourceType: 'test.instance', resourceId: found.instance.id, state: 'creation_scheduled' },
    });
    expect(await readVolume(bundle, volume.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(await readInstance(bundle, found.instance.id)).toMatchObject({ state: 'creation_scheduled' });
    expect(await bundle.query('SELECT 1 FROM reeve.execution UNION ALL SELECT 1 FROM reeve.event')).toEqual([]);
  });
});
