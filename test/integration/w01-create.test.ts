import { expect, it } from '@jest/globals';
import { defineCreateExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';

describeOnBrokers('creating', (broker) => {
  it('W1 a created resource passes creation_scheduled, creating, ok with exactly one backend call', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, { plan: (p) => p.call('create', { during: 'creating' }) });
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const { volumeRow: saved, executionId } = await bundle.dataSource.transaction(async (manager) => {
      const volumeRow = await manager.save(Volume, { name: 'data' });
      return { volumeRow, ...(await bundle.reeve.in(manager).execute(createVolume, volumeRow)) };
    });
    const outcome = await bundle.reeve.result(executionId, { timeout: '60s' });
    expect(outcome).toMatchObject({ state: 'succeeded', error: null });
    expect(await bundle.statesOf(saved.id)).toEqual(['creation_scheduled', 'creating', 'ok']);
    expect(outside.calls).toEqual([['create', 'data', {}]]);
    const after = await bundle.dataSource.manager.findOneByOrFail(Volume, { id: saved.id });
    expect(after).toMatchObject({ state: 'ok', errorMessage: '', errorTraceback: '', executionId: null, action: '' });
  });
});
