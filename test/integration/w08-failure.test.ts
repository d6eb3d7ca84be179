import { expect, it } from '@jest/globals';
import { backendRejected, backendUnavailable, defineActionExecutor, defineCreateExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

describeOnBrokers('a failure', (broker) => {
  it('W8 a failure in the middle of a chain leaves the resource erred with message and traceback, and nothing after it runs', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extendVolume = defineActionExecutor(volume, {
      name: 'volume.extend',
      action: 'extend',
      actionDetails: () => ({ size: 20 }),
      plan: (p) => p.call('rename').call('extend', [20]).call('remove'),
    });
    outside.on('extend', () => {
      throw new Error('quota exceeded');
    });
    await using bundle = await makeBundle(broker, { executors: [extendVolume] });
    await bundle.reeve.startWorker();
    const volumeRow = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extendVolume, volumeRow);
    expect(await readVolume(bundle, volumeRow.id)).toMatchObject({ action: 'extend', actionDetails: { size: 20 } });
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'TASK_FAILED', message: 'quota exceeded' } });
    expect(outside.names()).toEqual(['rename', 'extend']);
    const after = await readVolume(bundle, volumeRow.id);
    expect(after).toMatchObject({ state: 'erred', action: '', actionDetails: {}, executionId: null });
    expect(after?.errorMessage).toContain('quota exceeded');
    expect(after?.errorTraceback).toContain('w08-failure.test.ts');
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.map((step) => step.state)).toEqual(['succeeded', 'failed', 'skipped', 'skipped']);
  });

  it('W16 a step that fails twice with a transient error and then works is called three times and ends ok', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, {
      plan: (p) => p.call('create', { retry: { attempts: 3, delay: '50ms', backoff: 'fixed' } }),
    });
    const fail = (): never => {
      throw backendUnavailable('the API is busy');
    };
    outside.on('create', fail, fail, () => ({ actionId: 'a' }));
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const volumeRow = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(createVolume, volumeRow);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['create', 'create', 'create']);
    expect(await readVolume(bundle, volumeRow.id)).toMatchObject({ state: 'ok', errorMessage: '' });
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]?.attempts.map((attempt) => [attempt.number, attempt.outcome])).toEqual([
      [1, 'retried'],
      [2, 'retried'],
      [3, 'succeeded'],
    ]);
  });

  it('W16 a permanent error is not tried again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, {
      plan: (p) => p.call('create', { retry: { attempts: 3, delay: '50ms' } }),
    });
    outside.on('create', () => {
      throw backendRejected('no such image');
    });
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const volumeRow = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(createVolume, volumeRow);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'BACKEND_REJECTED' } });
    expect(outside.names()).toEqual(['create']);
    expect(await readVolume(bundle, volumeRow.id)).toMatchObject({ state: 'erred', errorMessage: 'no such image' });
  });

  it('W16 a transient error that lasts ends erred once the attempts are used up', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const createVolume = defineCreateExecutor(volume, {
      plan: (p) => p.call('create', { retry: { attempts: 3, delay: '20ms', backoff: 'fixed' } }),
    });
    outside.on('create', (call) => {
      throw backendUnavailable(`busy, call ${call}`);
    });
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const volumeRow = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(createVolume, volumeRow);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'busy, call 3' } });
    expect(outside.names()).toHaveLength(3);
  });
});
