import { expect, it } from '@jest/globals';
import { defineUpdateExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function updateOf(outside: Outside) {
  const { volume } = testResources(outside);
  return defineUpdateExecutor(volume, {
    plan: (p, _input, _facts, changed) => (changed.includes('name') ? p.call('rename') : p),
  });
}

describeOnBrokers('updating', (broker) => {
  it('W3 an update of the name calls the backend once', async () => {
    const outside = new Outside();
    const updateVolume = updateOf(outside);
    await using bundle = await makeBundle(broker, { executors: [updateVolume] });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(updateVolume, volume, {}, { changed: ['name'] });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.calls).toEqual([['rename', 'data']]);
    expect(await bundle.statesOf(volume.id)).toEqual(['ok', 'update_scheduled', 'updating', 'ok']);
  });

  it('W3 an update that concerns no backend still passes update_scheduled, updating, ok', async () => {
    const outside = new Outside();
    const updateVolume = updateOf(outside);
    await using bundle = await makeBundle(broker, { executors: [updateVolume] });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(updateVolume, volume, {}, { changed: ['sizeGb'] });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.calls).toEqual([]);
    expect(await bundle.statesOf(volume.id)).toEqual(['ok', 'update_scheduled', 'updating', 'ok']);
  });

  it('W3 an update without changed fields is refused and leaves the state untouched', async () => {
    const outside = new Outside();
    const updateVolume = updateOf(outside);
    await using bundle = await makeBundle(broker, { executors: [updateVolume] });
    const volume = await volumeIn(bundle, 'ok');
    const missing = {} as { changed: [] };
    await expect(bundle.reeve.execute(updateVolume, volume, {}, missing)).rejects.toMatchObject({
      code: 'CHANGED_FIELDS_REQUIRED',
      message: expect.stringContaining(volume.id),
    });
    expect(await readVolume(bundle, volume.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toEqual([]);
  });
});
