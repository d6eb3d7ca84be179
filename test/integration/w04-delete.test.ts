import { expect, it } from '@jest/globals';
import { defineDeleteExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function deleteOf(outside: Outside) {
  const { volume } = testResources(outside);
  return defineDeleteExecutor(volume, {
    facts: (row) => ({ exists: row.backendId !== '' }),
    plan: (p, _input, { exists }) => (exists ? p.call('remove') : p),
  });
}

describeOnBrokers('deleting', (broker) => {
  it('W4 a deleted resource passes deletion_scheduled, deleting, and its row goes after one backend call', async () => {
    const outside = new Outside();
    const deleteVolume = deleteOf(outside);
    await using bundle = await makeBundle(broker, { executors: [deleteVolume] });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok', { backendId: 'vol-1' });
    const { executionId } = await bundle.reeve.execute(deleteVolume, volume);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['remove']);
    expect(await readVolume(bundle, volume.id)).toBeNull();
    expect(await bundle.statesOf(volume.id)).toEqual(['ok', 'deletion_scheduled', 'deleting']);
  });

  it('W4 a resource without a backend id goes without a backend call', async () => {
    const outside = new Outside();
    const deleteVolume = deleteOf(outside);
    await using bundle = await makeBundle(broker, { executors: [deleteVolume] });
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'erred');
    const { executionId } = await bundle.reeve.execute(deleteVolume, volume);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.calls).toEqual([]);
    expect(await readVolume(bundle, volume.id)).toBeNull();
  });
});

describeOnBrokers('a finaliser that fails', (broker) => {
  it('W9 a delete whose row is still referenced ends erred with the reason, not deleting for ever', async () => {
    const outside = new Outside();
    const deleteVolume = deleteOf(outside);
    await using bundle = await makeBundle(broker, { executors: [deleteVolume] });
    await bundle.query('CREATE TABLE attachment (volume_id uuid NOT NULL REFERENCES volume (id))');
    await bundle.reeve.startWorker();
    const volume = await volumeIn(bundle, 'ok', { backendId: 'vol-1' });
    await bundle.query('INSERT INTO attachment VALUES ($1)', [volume.id]);
    const { executionId } = await bundle.reeve.execute(deleteVolume, volume);
    const outcome = await bundle.reeve.result(executionId, { timeout: '60s' });
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'FINALISER_FAILED' } });
    const after = await readVolume(bundle, volume.id);
    expect(after).toMatchObject({ state: 'erred', executionId: null });
    expect(after?.errorMessage).toContain('attachment');
    expect(outside.names()).toEqual(['remove']);
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.map((step) => step.state)).toEqual(['succeeded', 'failed', 'skipped']);
    expect(steps[1]?.attempts.map((attempt) => attempt.outcome)).toEqual(['retried', 'retried', 'failed']);
  });
});
