import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineExecutor, defineTask, type Reeve } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { jobsOf } from '../support/broker-jobs.ts';
import { eventually } from '../support/eventually.ts';
import { logLines } from '../support/log-lines.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { quickTiming } from '../support/quick-timing.ts';
import { withinMs } from '../support/within.ts';

describeOnBrokers('a plan that takes its resource by itself', (broker) => {
  it('frees it again when it fails and when it succeeds', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const take = defineExecutor(volume, {
      name: 'volume.take',
      plan: (p) => p.transition('scheduleUpdating').transition('beginUpdating').call('rename').transition('setOk'),
    });
    await using bundle = await makeBundle(broker, { executors: [take] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const good = await bundle.reeve.execute(take, row);
    expect((await ended(bundle, good.executionId)).state).toBe('succeeded');
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
    outside.on('rename', () => {
      throw new Error('no');
    });
    const bad = await bundle.reeve.execute(take, row);
    expect((await ended(bundle, bad.executionId)).state).toBe('failed');
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null, errorMessage: 'no' });
  });
});

describeOnBrokers('a resource that was edited by hand', (broker) => {
  it('is left as it is when its operation ends, and the execution says RESOURCE_LOST', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const row = await volumeIn(bundle, 'ok');
    outside.answer = async () => {
      await bundle.query(`UPDATE volume SET state = 'ok', error_message = 'by hand' WHERE id = $1`, [row.id]);
    };
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'RESOURCE_LOST' } });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', errorMessage: 'by hand', executionId: null });
  });

  it('and deleted by hand fails its operation, which ends', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      plan: (p) => p.call('rename').call('extend', [2]),
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const row = await volumeIn(bundle, 'ok');
    outside.answer = async (method) => {
      outside.calls.push([method]);
      await bundle.query('DELETE FROM volume');
    };
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'RESOURCE_LOST' } });
    expect(outside.names()).toEqual(['rename']);
  });
});

describeOnBrokers('a row that refuses', (broker) => {
  it('to begin fails the execution at once with the reason', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.query(`ALTER TABLE volume ADD CONSTRAINT never_updating CHECK (state <> 'updating')`);
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, row);
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({ state: 'failed' });
    expect(outcome.error?.message).toContain('never_updating');
    expect(outside.calls).toEqual([]);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null });
  });

  it('its failure does not keep the execution from ending; an event says so', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    outside.on('rename', () => {
      throw new Error('no');
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.query(`ALTER TABLE volume ADD CONSTRAINT never_erred CHECK (state <> 'erred')`);
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'no' } });
    const [event] = await bundle.query<{ data: { message: string } }>(
      `SELECT data FROM reeve.event WHERE kind = 'resource.refused_failure'`,
    );
    expect(event?.data.message).toContain('never_erred');
    expect(await bundle.reeve.checkInvariants()).toHaveLength(2);
    await bundle.query(`UPDATE volume SET state = 'ok', execution_id = NULL`);
  });

  it('what a step saves fails the step, and the resource is erred', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, {
      name: 'volume.extend',
      plan: (p) => p.call('create', [{}], { save: (result) => ({ name: result.actionId }) }),
    });
    await using bundle = await makeBundle(broker, { executors: [extend] });
    await bundle.query(`ALTER TABLE volume ADD CONSTRAINT no_actions CHECK (name NOT LIKE 'action-%')`);
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extend, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'FINALISER_FAILED' } });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', name: 'data' });
  });
});

describeOnBrokers('a worker of an older build', (broker) => {
  it('leaves the steps of resources that it does not know to others', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const log = logLines();
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await using older: Reeve = bundle.another({ executors: [], logger: log.logger });
    const handle = await older.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(() => {
      expect(log.at('warn').map((line) => line.message)).toEqual([
        'resource type "test.volume" is not registered on this worker; its steps stay in the ledger for a worker that knows it',
      ]);
    });
    await handle.stop();
    await bundle.reeve.startWorker();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]?.attempts).toHaveLength(1);
  });
});

describeOnBrokers('a worker that is stopped while a handler never returns', (broker) => {
  it('is stopped when its drain time is over, and says how many steps are left', async () => {
    const started = Promise.withResolvers<void>();
    const stuck = defineTask({
      name: 'stuck',
      run: () => {
        started.resolve();
        return new Promise(() => undefined);
      },
    });
    const other = defineTask({ name: 'other', run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [stuck, other], drain: '500ms', stopGrace: '200ms' });
    const handle = await bundle.reeve.startWorker();
    await bundle.reeve.execute(stuck);
    await ended(bundle, (await bundle.reeve.execute(other)).executionId);
    await started.promise;
    await eventually(() => expect(handle.running).toBe(1));
    const startedAt = performance.now();
    expect(await handle.stop()).toBe(1);
    expect(performance.now() - startedAt).toBeLessThan(withinMs(3_000));
    const second = bundle.another();
    await second.ready();
    await Promise.all([second.close(), second.close()]);
  });
});

describeOnBrokers('a worker that is stopped while a step listens to its signal', (broker) => {
  it('tells it when its drain time is over; the step goes on elsewhere at once, and its attempt is not counted', async () => {
    const runs: number[] = [];
    const begun = Promise.withResolvers<void>();
    const polite = defineTask({
      name: 'polite',
      run: async (_input, { signal, fence }) => {
        runs.push(fence);
        if (fence > 1) return 'done';
        begun.resolve();
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () =>
            reject(Error.isError(signal.reason) ? signal.reason : new Error('told')),
          );
        });
        return 'never';
      },
    });
    const timing = { ...quickTiming, lease: '1m', heartbeat: '10s' } as const;
    await using bundle = await makeBundle(broker, { tasks: [polite], drain: '300ms', timing });
    const handle = await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(polite);
    await begun.promise;
    await using other = bundle.another();
    await other.startWorker();
    expect(await handle.stop()).toBe(0);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: 'done' });
    expect(runs).toEqual([1, 2]);
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]).toMatchObject({ attempt: 1, crashes: 0 });
    expect(steps[0]?.attempts.map(({ outcome }) => outcome)).toEqual(['released', 'succeeded']);
  });
});

describeOnBrokers('a lost job behind a queue that is never empty', (broker) => {
  it('is found and sent again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      plan: (p) => p.call('rename', { queue: 'heavy' }),
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker({ queues: ['tasks'] });
    await eventually(async () => expect(await bundle.query(`SELECT 1 FROM reeve.queue WHERE epoch < 2`)).toEqual([]));
    const lost = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(1));
    await eventually(async () => {
      expect(await bundle.query('SELECT 1 FROM reeve.step WHERE published_epoch > 0')).toHaveLength(1);
    });
    // The delivery that is in the queue is not the one of the ledger any more: its own job does not exist.
    await bundle.query(`UPDATE reeve.step SET delivery = delivery + 1 WHERE execution_id = $1 AND state = 'ready'`, [
      lost.executionId,
    ]);
    for (let index = 0; index < 5; index += 1) await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(async () => {
      expect((await jobsOf(bundle, broker)).filter((id) => id.includes(lost.executionId))).toHaveLength(2);
    });
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    expect((await ended(bundle, lost.executionId)).state).toBe('succeeded');
  });
});
