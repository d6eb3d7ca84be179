import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineTask, type QueueName } from '../../src/index.ts';
import { jobsOf, wipeBroker } from '../support/broker-jobs.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

describeOnBrokers('a paused execution', (broker) => {
  it('ends its running step and starts nothing; what is due, and what has become ready, waits for the resume', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const gate = Promise.withResolvers<void>();
    outside.on('rename', () => gate.promise);
    const two = defineActionExecutor(volume, { name: 'volume.two', plan: (p) => p.call('rename').call('extend', [2]) });
    const later = defineTask({ name: 'later', run: () => 'late' });
    await using bundle = await makeBundle(broker, { executors: [two], tasks: [later] });
    await bundle.reeve.startWorker();
    const delayed = await bundle.reeve.execute(later, {}, { countdown: '500ms' });
    await bundle.reeve.pause(delayed.executionId);
    const { executionId } = await bundle.reeve.execute(two, await volumeIn(bundle, 'ok'));
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    for (const id of [executionId, delayed.executionId]) {
      expect(await bundle.reeve.pause(id, { by: 'ada', reason: 'maintenance' })).toEqual({ state: 'paused' });
      expect(await bundle.reeve.pause(id)).toEqual({ state: 'paused' });
    }
    gate.resolve();
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps.map((step) => step.state)).toEqual(['succeeded', 'delayed', 'pending']);
    });
    await pause(700);
    expect(outside.names()).toEqual(['rename']);
    for (const id of [executionId, delayed.executionId]) {
      expect(await bundle.reeve.execution(id)).toMatchObject({ state: 'paused' });
    }
    expect(await jobsOf(bundle, broker)).toEqual([]);
    for (const id of [executionId, delayed.executionId]) {
      expect(await bundle.reeve.resume(id, { by: 'ada' })).toEqual({ state: 'running' });
      expect((await ended(bundle, id)).state).toBe('succeeded');
    }
    expect(outside.names()).toEqual(['rename', 'extend']);
    await expect(bundle.reeve.pause(executionId)).rejects.toMatchObject({ code: 'EXECUTION_STATE' });
    await expect(bundle.reeve.resume(executionId)).rejects.toMatchObject({ code: 'EXECUTION_STATE' });
    const events = await bundle.query<{ kind: string }>(
      `SELECT kind FROM reeve.event WHERE kind LIKE 'operator.%' AND execution_id = $1 ORDER BY id`,
      [executionId],
    );
    expect(events.map((event) => event.kind)).toEqual(['operator.pause', 'operator.resume']);
  });

  it('that was paused before it began, and whose job came and went, is delivered again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(1));
    await bundle.reeve.pause(executionId);
    await bundle.reeve.startWorker();
    await eventually(async () => expect(await jobsOf(bundle, broker)).toEqual([]));
    expect(outside.names()).toEqual([]);
    await bundle.reeve.resume(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename']);
  });

  it('can be canceled, and nothing of it runs after the pause was answered, whatever claims were under way', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    for (let round = 0; round < 20; round += 1) {
      const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
      await pause(round * 2);
      const paused = await bundle.reeve.pause(executionId).then(
        () => true,
        () => false,
      );
      const { steps } = await bundle.reeve.execution(executionId);
      if (paused && steps[0]?.state === 'delayed') {
        expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceled' });
      }
      const outcome = await ended(bundle, executionId);
      if (outcome.state === 'canceled') expect(steps[0]?.attempts).toEqual([]);
    }
  });
});

describeOnBrokers('a paused queue', (broker) => {
  it('stays paused when the broker is wiped, drops the jobs that come, and loses none of their steps', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const other = defineActionExecutor(volume, {
      name: 'volume.other',
      plan: (p) => p.call('extend', [2], { queue: 'heavy' }),
    });
    await using bundle = await makeBundle(broker, { executors: [rename, other] });
    const ids: string[] = [];
    const start = async (): Promise<void> => {
      ids.push((await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'))).executionId);
    };
    for (let index = 0; index < 3; index += 1) await start();
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(3));
    const answer = await bundle.reeve.pauseQueue('tasks', { by: 'ada', reason: 'the rack is moved' });
    expect(answer).toEqual({ queue: 'tasks', paused: true, changed: true });
    expect(await bundle.reeve.pauseQueue('tasks', { by: 'bob' })).toMatchObject({ changed: false });
    await bundle.reeve.startWorker();
    await eventually(async () => expect(await jobsOf(bundle, broker)).toEqual([]));
    await wipeBroker(bundle, broker);
    for (let index = 0; index < 3; index += 1) await start();
    const heavy = await bundle.reeve.execute(other, await volumeIn(bundle, 'ok'));
    expect((await ended(bundle, heavy.executionId)).state).toBe('succeeded');
    await pause(1_500);
    expect(outside.names()).toEqual(['extend']);
    const { queues } = await bundle.reeve.status();
    expect(queues.find(({ name }) => name === 'tasks')).toMatchObject({
      ready: 6,
      pausedAt: expect.any(Date),
      pausedBy: 'ada',
      pausedReason: 'the rack is moved',
    });
    expect(await bundle.reeve.resumeQueue('tasks', { by: 'bob' })).toMatchObject({ paused: false, changed: true });
    expect(await bundle.reeve.resumeQueue('tasks')).toMatchObject({ paused: false, changed: false });
    for (const id of ids) expect((await ended(bundle, id)).state).toBe('succeeded');
    expect(outside.names().filter((name) => name === 'rename')).toHaveLength(6);
    const events = await bundle.query(`SELECT kind, data FROM reeve.event WHERE kind LIKE 'operator.%' ORDER BY id`);
    expect(events).toEqual([
      { kind: 'operator.pause_queue', data: { queue: 'tasks', by: 'ada', reason: 'the rack is moved' } },
      { kind: 'operator.resume_queue', data: { queue: 'tasks', by: 'bob', reason: null } },
    ]);
    await expect(bundle.reeve.pauseQueue('nowhere' as QueueName)).rejects.toMatchObject({ code: 'QUEUE_UNKNOWN' });
  });
});
