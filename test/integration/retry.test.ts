import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineBackgroundTask, defineCreateExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

const stepStates = async (bundle: Bundle, executionId: string): Promise<string[]> =>
  (await bundle.reeve.execution(executionId)).steps.map((step) => step.state);

const fail = (): never => {
  throw new Error('the rack is full');
};

describeOnBrokers('retry', (broker) => {
  it('goes on at the failed step alone: what had succeeded does not run again, and the resource ends ok', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create').call('extend', [2]).call('rename') });
    outside.on('extend', fail, () => undefined);
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(create, row);
    expect((await ended(bundle, executionId)).state).toBe('failed');
    expect(await stepStates(bundle, executionId)).toEqual(['succeeded', 'failed', 'skipped', 'skipped']);
    expect(await bundle.reeve.retry(executionId, { by: 'ada', reason: 'a new rack' })).toEqual({ state: 'running' });
    expect(await readVolume(bundle, row.id)).toMatchObject({ executionId, errorMessage: '', state: 'creating' });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', error: null });
    expect(outside.names()).toEqual(['create', 'extend', 'extend', 'rename']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null, errorMessage: '' });
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[1]).toMatchObject({ state: 'succeeded', attempt: 1, error: null });
    expect(steps[1]?.attempts.map((attempt) => attempt.outcome)).toEqual(['failed', 'succeeded']);
    const events = await bundle.query(`SELECT data FROM reeve.event WHERE kind = 'operator.retry'`);
    expect(events).toEqual([{ data: { by: 'ada', reason: 'a new rack', from: 'failed' } }]);
  });

  it('gives a step its attempts anew, and may be repeated', async () => {
    let runs = 0;
    const stubborn = defineTask({
      name: 'stubborn',
      retry: { attempts: 2, delay: 1 },
      run: () => {
        runs += 1;
        if (runs <= 4) throw new Error(`no ${runs}`);
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [stubborn] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(stubborn);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'no 2' } });
    await bundle.reeve.retry(executionId);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'no 4' } });
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
  });

  it('of a canceled execution does what was left, also where nothing was begun', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create').call('rename') });
    await using bundle = await makeBundle(broker, { executors: [create] });
    const row = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(create, row);
    await bundle.reeve.cancel(executionId);
    await bundle.reeve.retry(executionId);
    expect(await readVolume(bundle, row.id)).toMatchObject({ executionId, state: 'creation_scheduled' });
    const gate = Promise.withResolvers<void>();
    outside.on('create', () => gate.promise);
    await bundle.reeve.startWorker();
    await eventually(() => expect(outside.names()).toEqual(['create']));
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceling' });
    gate.resolve();
    expect((await ended(bundle, executionId)).state).toBe('canceled');
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['create', 'rename']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
  });

  it('ends the execution at once where its last step had succeeded after the cancel', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const gate = Promise.withResolvers<void>();
    outside.on('rename', () => gate.promise);
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, row);
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    await bundle.reeve.cancel(executionId);
    gate.resolve();
    await ended(bundle, executionId);
    expect(await bundle.reeve.retry(executionId)).toEqual({ state: 'succeeded' });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded' });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
  });

  it('changes nothing when somebody else owns the resource, or has brought it into another state', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const extend = defineActionExecutor(volume, { name: 'volume.extend', plan: (p) => p.call('extend', [2]) });
    outside.on('rename', fail);
    await using bundle = await makeBundle(broker, { executors: [rename, extend] });
    const worker = await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const first = await bundle.reeve.execute(rename, row);
    await ended(bundle, first.executionId);
    await worker.stop();
    const second = await bundle.reeve.execute(extend, row);
    await expect(bundle.reeve.retry(first.executionId)).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      details: { executionId: second.executionId },
    });
    expect((await bundle.reeve.execution(first.executionId)).state).toBe('failed');
    expect(await stepStates(bundle, first.executionId)).toEqual(['failed', 'skipped']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ executionId: second.executionId });
    await bundle.reeve.startWorker();
    await ended(bundle, second.executionId);
    await expect(bundle.reeve.retry(first.executionId)).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      message: expect.stringContaining('is in state "ok"'),
    });
    expect(await bundle.query(`SELECT 1 FROM reeve.event WHERE kind LIKE 'operator.%'`)).toEqual([]);
  });

  it('respects a unique key, and refuses what has not failed with the state and what is possible', async () => {
    const pull = defineBackgroundTask({ name: 'pull', key: () => 'main', run: fail });
    const good = defineTask({ name: 'good', run: () => 'fine' });
    await using bundle = await makeBundle(broker, { tasks: [pull, good] });
    const worker = await bundle.reeve.startWorker();
    const first = await bundle.reeve.execute(pull);
    await ended(bundle, first.executionId);
    const done = await bundle.reeve.execute(good);
    await ended(bundle, done.executionId);
    await expect(bundle.reeve.retry(done.executionId)).rejects.toMatchObject({
      code: 'EXECUTION_STATE',
      message: expect.stringContaining('is "succeeded"; it has done all its work'),
    });
    await worker.stop();
    const second = await bundle.reeve.execute(pull);
    expect(second.created).toBe(true);
    await expect(bundle.reeve.retry(first.executionId)).rejects.toMatchObject({
      code: 'EXECUTION_STATE',
      details: { rivalId: second.executionId },
    });
    await expect(bundle.reeve.retry(second.executionId)).rejects.toMatchObject({
      code: 'EXECUTION_STATE',
      message: expect.stringContaining('is "running"; it can be paused or canceled'),
    });
    await expect(bundle.reeve.retry('01900000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: 'EXECUTION_NOT_FOUND',
    });
    await bundle.reeve.cancel(second.executionId);
  });

  it('asked for by many at once goes on once', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    outside.on('rename', fail, () => undefined);
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await ended(bundle, executionId);
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => bundle.reeve.retry(executionId)));
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename', 'rename']);
  });
});

describeOnBrokers('skip', (broker) => {
  it('passes over a failed step with a reason; the rest runs, and a later retry does not bring it back', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const three = defineActionExecutor(volume, {
      name: 'volume.three',
      plan: (p) => p.call('rename').call('extend', [2]).call('create'),
    });
    outside.on('rename', fail);
    outside.on('create', fail, () => undefined);
    await using bundle = await makeBundle(broker, { executors: [three] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(three, row);
    await ended(bundle, executionId);
    await expect(bundle.reeve.skip(executionId, 0, { reason: ' ' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(bundle.reeve.skip(executionId, 1, { reason: 'why not' })).rejects.toMatchObject({
      code: 'EXECUTION_STATE',
      message: expect.stringContaining('step 1 "extend" is "skipped"'),
    });
    await expect(bundle.reeve.skip(executionId, 9, { reason: 'why not' })).rejects.toMatchObject({
      code: 'EXECUTION_STATE',
    });
    expect(await bundle.reeve.skip(executionId, 0, { reason: 'renamed by hand', by: 'ada' })).toEqual({
      state: 'running',
    });
    expect((await ended(bundle, executionId)).state).toBe('failed');
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename', 'extend', 'create', 'create']);
    expect(await stepStates(bundle, executionId)).toEqual(['skipped', 'succeeded', 'succeeded', 'succeeded']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
    const events = await bundle.query(`SELECT data FROM reeve.event WHERE kind = 'operator.skip'`);
    expect(events).toEqual([{ data: { by: 'ada', reason: 'renamed by hand', from: 'failed', position: 0 } }]);
  });

  it('of the last step ends the execution at once; of a step that could not begin, the resource begins all the same', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.query(`ALTER TABLE volume ADD CONSTRAINT never_updating CHECK (state <> 'updating')`);
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, row);
    expect((await ended(bundle, executionId)).state).toBe('failed');
    await bundle.query('ALTER TABLE volume DROP CONSTRAINT never_updating');
    expect(await bundle.reeve.skip(executionId, 0, { reason: 'not needed' })).toEqual({ state: 'succeeded' });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(outside.calls).toEqual([]);
  });
});
