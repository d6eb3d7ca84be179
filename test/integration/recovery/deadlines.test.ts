import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineBackgroundTask, defineExecutor, defineTask } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';

describeOnBrokers('an execution with a deadline', (broker) => {
  it('is canceled when it has passed, with its code; the resource is erred and free, a retry has as long again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      deadline: '700ms',
      plan: (p) => p.wait('1h').call('rename'),
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startBeat();
    const { id } = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, id);
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({
      state: 'canceled',
      error: { code: 'DEADLINE_EXCEEDED', message: 'it did not end within 700 ms, its deadline' },
    });
    expect(await readVolume(bundle, id)).toMatchObject({
      state: 'erred',
      executionId: null,
      errorMessage: outcome.error?.message,
    });
    await bundle.reeve.retry(executionId);
    expect((await bundle.reeve.execution(executionId)).state).toBe('running');
    expect(await ended(bundle, executionId)).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' } });
    expect(outside.calls).toEqual([]);
  });

  it('tells a running step, and what a call says goes before what the executor says', async () => {
    const slow = defineTask({
      name: 'slow',
      run: async (_input, { signal }) => {
        const { promise, resolve } = Promise.withResolvers<string>();
        signal.addEventListener('abort', () => resolve('told'));
        return promise;
      },
    });
    const background = defineBackgroundTask({ name: 'background', key: () => 'one', run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [slow, background] });
    await bundle.reeve.startWorker({ queues: ['tasks'] });
    const { executionId } = await bundle.reeve.execute(slow, undefined, { deadline: '4s' });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'canceled', error: { code: 'DEADLINE_EXCEEDED' } });
    const [step] = (await bundle.reeve.execution(executionId)).steps;
    expect(step).toMatchObject({ state: 'succeeded', result: 'told' });
    // It waits in a queue that nobody serves; a deadline counts the waiting as well.
    const waiting = await bundle.reeve.execute(background, undefined, { deadline: '300ms' });
    expect(await ended(bundle, waiting.executionId)).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' } });
    await expect(bundle.reeve.execute(slow, undefined, { deadline: 'soon' as '1s' })).rejects.toThrow(
      'deadline is "soon"',
    );
  });

  it('passes it down to its children, which have no longer than their parent', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      deadline: '1h',
      plan: (p) => p.wait('2h').call('rename'),
    });
    const parent = defineExecutor(volume, {
      name: 'volume.parent',
      deadline: '2s',
      facts: ({ id }) => ({ id }),
      plan: (p, _input, { id }) => p.child(rename, id, {}),
    });
    await using bundle = await makeBundle(broker, { executors: [rename, parent] });
    await bundle.reeve.startWorker();
    const { id } = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(parent, id);
    await eventually(async () => {
      const rows = await bundle.query<{ same: boolean }>(
        `SELECT c.deadline_at = p.deadline_at AS same FROM reeve.execution p JOIN reeve.execution c ON c.parent_id = p.id`,
      );
      expect(rows).toEqual([{ same: true }]);
    });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'canceled', error: { code: 'DEADLINE_EXCEEDED' } });
    await eventually(async () => {
      const [child] = await bundle.reeve.executions({ resourceType: 'test.volume', resourceId: id, limit: 1 });
      expect(child).toMatchObject({
        executor: 'volume.rename',
        state: 'canceled',
      });
    });
    expect(await readVolume(bundle, id)).toMatchObject({ state: 'erred', executionId: null });
  });
});
