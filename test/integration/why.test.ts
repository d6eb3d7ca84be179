import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor, defineTask, type Blocker } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

const kinds = async (bundle: Bundle, target: string): Promise<string[]> =>
  (await bundle.reeve.why(target)).chain.map((blocker) => blocker.kind);

const first = async (bundle: Bundle, target: string): Promise<Blocker | undefined> =>
  (await bundle.reeve.why(target)).chain[0];

const good = defineTask({ name: 'good', run: () => 'fine' });

describeOnBrokers('why', (broker) => {
  it('no-worker, predecessor, owned: nobody serves the queue, the next step waits for the first, the resource for both', async () => {
    const { volume } = testResources(new Outside());
    const two = defineActionExecutor(volume, { name: 'volume.two', plan: (p) => p.call('rename').call('extend', [2]) });
    await using bundle = await makeBundle(broker, { executors: [two] });
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(two, row);
    await bundle.reeve.startWorker({ queues: ['heavy'] });

    const { chain, ...head } = await bundle.reeve.why(executionId);
    const ofResource = await bundle.reeve.why(`test.volume/${row.id}`);

    expect(head).toEqual({
      executionId,
      executor: 'volume.two',
      state: 'running',
      resource: { type: 'test.volume', id: row.id },
    });
    expect(chain).toEqual([
      {
        kind: 'no-worker',
        position: 0,
        text: 'step 1 "rename" has no worker: nobody who lives serves queue "tasks"; start one with "reeve worker -Q tasks"',
        evidence: { queue: 'tasks', task: 'reeve.call', workers: 0, workersThatKnowTheTask: 0 },
      },
      {
        kind: 'predecessor',
        position: 1,
        text: 'step 2 "extend" waits for step 1',
        evidence: { openPredecessors: [0] },
      },
    ]);
    expect(ofResource.chain.map((blocker) => blocker.kind)).toEqual(['owned', 'no-worker', 'predecessor']);
    expect(ofResource.chain[0]).toMatchObject({ evidence: { state: 'update_scheduled', executionId } });
  });

  it('queue-paused: by whom, since when and why; paused: the same of an execution', async () => {
    await using bundle = await makeBundle(broker, { tasks: [good] });
    await bundle.reeve.startWorker();
    await bundle.reeve.pauseQueue('tasks', { by: 'ada', reason: 'the rack is moved' });
    const { executionId } = await bundle.reeve.execute(good);

    const queue = await first(bundle, executionId);
    await bundle.reeve.pause(executionId, { by: 'bob', reason: 'wait' });
    const both = await bundle.reeve.why(executionId);

    expect(queue).toMatchObject({
      kind: 'queue-paused',
      text: expect.stringMatching(/paused since \S+Z by ada: the rack is moved$/),
      evidence: { queue: 'tasks', pausedBy: 'ada', pausedReason: 'the rack is moved' },
    });
    expect(both.chain.map((blocker) => blocker.kind)).toEqual(['paused', 'queue-paused']);
    expect(both.chain[0]).toMatchObject({
      text: expect.stringContaining('by bob: wait; "reeve resume" lets it go on'),
      evidence: { state: 'paused', by: 'bob', reason: 'wait', since: expect.any(String) },
    });
  });

  it('unknown-task: a live worker serves the queue, but none knows the task', async () => {
    await using bundle = await makeBundle(broker, { tasks: [good] });
    await using older = bundle.another({ tasks: [] });
    await older.startWorker();
    const { executionId } = await bundle.reeve.execute(good);
    await eventually(async () => {
      expect(await first(bundle, executionId)).toMatchObject({
        kind: 'unknown-task',
        text: 'step 1 "good" is of task "good", which none of the 1 live workers of queue "tasks" knows',
        evidence: { task: 'good', workers: 1, workersThatKnowTheTask: 0 },
      });
    });
  });

  it('delayed, retry and poll: until when, after which error, and what was last seen', async () => {
    const outside = new Outside();
    outside.on('state', () => 'BUILD');
    const { volume } = testResources(outside);
    const failing = defineTask({
      name: 'failing',
      retry: { attempts: 3, delay: '1h' },
      run: () => {
        throw new Error('the rack is full');
      },
    });
    const watch = defineActionExecutor(volume, {
      name: 'volume.watch',
      plan: (p) => p.poll('state', { until: 'ACTIVE', every: '1h', timeout: '5h' }),
    });
    await using bundle = await makeBundle(broker, { executors: [watch], tasks: [good, failing] });
    await bundle.reeve.startWorker();
    const later = await bundle.reeve.execute(good, {}, { countdown: '1h' });
    const retried = await bundle.reeve.execute(failing);
    const polled = await bundle.reeve.execute(watch, await volumeIn(bundle, 'ok'));

    await eventually(async () => expect(await kinds(bundle, retried.executionId)).toEqual(['retry']));
    await eventually(async () => expect(await kinds(bundle, polled.executionId)).toEqual(['poll']));
    expect(await first(bundle, later.executionId)).toMatchObject({
      kind: 'delayed',
      text: expect.stringMatching(/^step 1 "good" starts in \d+ m \d+ s$/),
      evidence: { runAt: expect.any(String) },
    });
    expect(await first(bundle, retried.executionId)).toMatchObject({
      text: expect.stringMatching(/is tried again in .* after attempt 1 of 3 ended with: the rack is full$/),
      evidence: { attempt: 1, maxAttempts: 3, code: 'TASK_FAILED', message: 'the rack is full' },
    });
    expect(await first(bundle, polled.executionId)).toMatchObject({
      text: expect.stringMatching(/looks again in .* \(1 looks, last seen "BUILD"\)$/),
      evidence: { looks: 1, lastSeen: 'BUILD' },
    });
    for (const { executionId } of [later, retried, polled]) await bundle.reeve.cancel(executionId);
  });

  it('running, queued, ending: on which worker since when, how far; which queue; who has canceled', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = defineTask({
      name: 'slow',
      run: async (_input, context) => {
        await context.progress(40, 'copying');
        await gate.promise;
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [slow] });
    await bundle.reeve.startWorker({ queues: { tasks: 1 } });
    const running = await bundle.reeve.execute(slow);
    await eventually(async () => {
      expect(await first(bundle, running.executionId)).toMatchObject({
        kind: 'running',
        text: expect.stringMatching(
          /^step 1 "slow" runs for .* on worker .*\/\d+, which was seen .* ago; 40 % done \(copying\)$/,
        ),
        evidence: { attempt: 1, progress: { percent: 40, note: 'copying' }, heartbeatAt: expect.any(String) },
      });
    });
    const queued = await bundle.reeve.execute(slow);
    await eventually(async () => {
      expect(await first(bundle, queued.executionId)).toMatchObject({
        kind: 'queued',
        text: expect.stringContaining('is in queue "tasks" since'),
        evidence: { workers: 1, published: true },
      });
    });
    await bundle.reeve.cancel(running.executionId, { by: 'ada', reason: 'too slow' });
    const canceling = await bundle.reeve.why(running.executionId);
    expect(canceling.chain.map((blocker) => blocker.kind)).toEqual(['ending', 'running']);
    expect(canceling.chain[0]?.text).toMatch(/is canceling since \S+ by ada and ends .*: canceled: too slow$/);
    await bundle.reeve.cancel(queued.executionId);
    gate.resolve();
    await ended(bundle, running.executionId);
  });

  it('waiting: for room in a bounded group, or for a child, with what the child waits for', async () => {
    const { volume } = testResources(new Outside());
    const onHeavy = defineTask({ name: 'on-heavy', queue: 'heavy', run: () => 'fine' });
    const node = defineActionExecutor(volume, { name: 'volume.node', plan: (p) => p.run(onHeavy, undefined) });
    const cluster = defineExecutor({
      name: 'cluster',
      input: z.object({ id: z.string() }),
      plan: (p, { id }) => p.child(node, id),
    });
    const bounded = defineExecutor({
      name: 'bounded',
      plan: (p) =>
        p.group(
          [1, 2].map(() => (q: typeof p) => q.run(onHeavy, undefined)),
          { concurrency: 1 },
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [node, cluster, bounded], tasks: [onHeavy] });
    await bundle.reeve.startWorker({ queues: ['tasks'] });
    const row = await volumeIn(bundle, 'ok');
    const parent = await bundle.reeve.execute(cluster, { id: row.id });
    const group = await bundle.reeve.execute(bounded);

    await eventually(async () => expect(await kinds(bundle, parent.executionId)).toEqual(['waiting', 'no-worker']));
    const { chain } = await bundle.reeve.why(parent.executionId);
    expect(chain[0]).toMatchObject({ evidence: { waitingFor: 'child', child: expect.any(String) } });
    expect(await kinds(bundle, `test.volume/${row.id}`)).toEqual(['owned', 'no-worker']);
    expect(await kinds(bundle, group.executionId)).toEqual(['no-worker', 'waiting']);
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    for (const { executionId } of [parent, group]) expect((await ended(bundle, executionId)).state).toBe('succeeded');
  });

  it('ended and free: how it ended, at which step; nothing holds the resource', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    outside.on('rename', () => {
      throw new Error('the rack is full');
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    expect(await kinds(bundle, `test.volume/${row.id}`)).toEqual(['free']);
    const { executionId } = await bundle.reeve.execute(rename, row);
    await ended(bundle, executionId);

    expect(await first(bundle, executionId)).toMatchObject({
      kind: 'ended',
      position: 0,
      text: `execution ${executionId} of "volume.rename" has failed at step 1 "rename": the rack is full; "reeve retry" lets it go on`,
      evidence: { state: 'failed', code: 'TASK_FAILED', finishedAt: expect.any(String) },
    });
    expect(await kinds(bundle, `test.volume/${row.id}`)).toEqual(['free', 'ended']);
    await expect(bundle.reeve.why('test.volume/nonsense')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    await expect(bundle.reeve.why('test.nothing/1')).rejects.toMatchObject({ code: 'RESOURCE_UNKNOWN' });
    for (const id of ['01900000-0000-7000-8000-000000000000', 'nonsense']) {
      await expect(bundle.reeve.why(id)).rejects.toMatchObject({ code: 'EXECUTION_NOT_FOUND' });
    }
  });
});
