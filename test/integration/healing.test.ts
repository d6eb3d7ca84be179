import { expect, it } from '@jest/globals';
import { createLogger, defineActionExecutor, defineTask } from '../../src/index.ts';
import { poolConfigOf } from '../../src/executions/ledger-pool.ts';
import { Broker as JobBroker } from '../../src/queues/broker.ts';
import { wipeBroker, jobsOf } from '../support/broker-jobs.ts';
import { describeOnBrokers, makeBundle, redisUrlOf, type Bundle } from '../support/bundle.ts';
import { callTable, childApp, ThingSchema } from '../support/child-app.ts';
import { Child } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { quickTiming } from '../support/quick-timing.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

interface CallRow {
  readonly pid: number;
  readonly method: string;
  readonly key: string;
  readonly fence: string;
}

const callsOf = (bundle: Bundle): Promise<CallRow[]> =>
  bundle.query<CallRow>(`SELECT pid, method, key, fence FROM call WHERE pid IS NOT NULL ORDER BY id`);

describeOnBrokers('a worker that is killed in the middle of a step', (broker) => {
  it('is replaced within its lease; the step keeps its idempotency key, its fence grows, its attempt is not counted', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await app.dataSource.initialize();
    const thing = await app.dataSource.manager.save(ThingSchema, { name: 'survivor', state: 'ok' });
    await using first = new Child('worker', bundle.url, broker);
    await first.line();
    const { executionId } = await app.reeve.execute(app.slow, thing);
    await eventually(async () => expect(await callsOf(bundle)).toHaveLength(1));
    first.kill('SIGKILL');
    await first.exited;
    const killedAt = performance.now();
    await using second = new Child('worker', bundle.url, broker);
    await second.line();
    await eventually(async () => expect(await callsOf(bundle)).toHaveLength(2));
    expect(performance.now() - killedAt).toBeLessThan(withinMs(5_000));
    await bundle.query(`INSERT INTO call (method, name) VALUES ('go on', 'survivor')`);
    expect(await app.reeve.result(executionId, { timeout: '60s' })).toMatchObject({ state: 'succeeded' });
    const [before, after, last] = await callsOf(bundle);
    expect([before?.method, after?.method, last?.method]).toEqual(['slow', 'slow', 'quick']);
    expect(before?.pid).toBe(first.pid);
    expect(after?.pid).toBe(second.pid);
    expect(after?.key).toBe(before?.key);
    expect(Number(after?.fence)).toBe(Number(before?.fence) + 1);
    const { steps } = await app.reeve.execution(executionId);
    expect(steps[0]).toMatchObject({ state: 'succeeded', attempt: 1, crashes: 1 });
    expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['crashed', 'succeeded']);
    await app.reeve.close();
    await app.dataSource.destroy();
  });

  it('W38 hands over at the same step when it dies between two steps or while a step is delayed', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, {
      name: 'volume.extend',
      plan: (p) => p.call('rename').wait('700ms').call('extend', [2]),
    });
    await using bundle = await makeBundle(broker, { executors: [extend] });
    const worker = await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(extend, await volumeIn(bundle, 'ok'));
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    await worker.stop();
    await using other = bundle.another();
    await other.startWorker();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename', 'extend']);
  });
});

describeOnBrokers('a worker that lost its step', (broker) => {
  it('writes nothing when it ends after all: the step belongs to whoever took it over', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, { name: 'volume.extend', plan: (p) => p.call('extend', [2]) });
    const release = Promise.withResolvers<void>();
    outside.answer = async (method) => {
      outside.calls.push([method]);
      if (outside.calls.length === 1) await release.promise;
    };
    await using bundle = await makeBundle(broker, { executors: [extend] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extend, row);
    await eventually(() => expect(outside.calls).toHaveLength(1));
    const taken = `UPDATE reeve.step SET claim_token = gen_random_uuid(), fence = fence + 1 WHERE state = 'running'`;
    await bundle.query(taken);
    release.resolve();
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps[0]).toMatchObject({ state: 'succeeded', crashes: 1 });
    });
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['crashed', 'succeeded']);
    expect(outside.calls).toHaveLength(2);
  });
});

describeOnBrokers('a step that loses its worker again and again', (broker) => {
  it('is failed after the third time with a message that says so, and its resource is erred', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, { name: 'volume.extend', plan: (p) => p.call('extend', [2]) });
    const release = Promise.withResolvers<void>();
    outside.answer = async (method) => {
      outside.calls.push([method]);
      await release.promise;
    };
    await using bundle = await makeBundle(broker, { executors: [extend] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(extend, await volumeIn(bundle, 'ok'));
    for (const round of [1, 2, 3]) {
      await eventually(() => expect(outside.calls).toHaveLength(round));
      await bundle.query(
        `UPDATE reeve.step SET claim_token = gen_random_uuid(), lease_until = now() WHERE state = 'running'`,
      );
    }
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'TASK_CRASHED' } });
    expect(outcome.error?.message).toContain('3 of 3');
    release.resolve();
  });
});

describeOnBrokers('a wiped broker', (broker) => {
  it('loses nothing: everything that was ready is sent again and done', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const ids: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      ids.push((await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'))).executionId);
    }
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(20));
    await eventually(async () => {
      expect(
        await bundle.query('SELECT 1 FROM reeve.step WHERE published_epoch < 0 AND state = $1', ['ready']),
      ).toEqual([]);
    });
    await wipeBroker(bundle, broker);
    expect(await jobsOf(bundle, broker)).toEqual([]);
    await bundle.reeve.startWorker();
    for (const id of ids) expect((await ended(bundle, id)).state).toBe('succeeded');
    expect(outside.names()).toHaveLength(20);
  });

  it('that lost a single job gets it again after the grace time', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      plan: (p) => p.call('rename', { queue: 'heavy' }),
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker({ queues: ['tasks'] });
    await eventually(async () => expect(await bundle.query(`SELECT 1 FROM reeve.queue WHERE epoch < 2`)).toEqual([]));
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(1));
    await eventually(async () => {
      expect(await bundle.query('SELECT 1 FROM reeve.step WHERE published_epoch > 0')).toHaveLength(1);
    });
    await wipeJobs(bundle);
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(1));
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');

    async function wipeJobs(of: Bundle): Promise<void> {
      if (broker === 'postgres') await of.query(`DELETE FROM reeve_broker.job WHERE id LIKE 's\\_%'`);
      else await removeRedisJob(of);
    }
  });
});

async function removeRedisJob(bundle: Bundle): Promise<void> {
  const { Queue } = await import('bullmq');
  const rows = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
  const prefix = `{reeve_${(rows[0]?.id ?? '').replaceAll('-', '').slice(0, 12)}}`;
  const queue = new Queue('heavy', { connection: { url: redisUrlOf('redis') ?? '' }, prefix });
  await queue.obliterate({ force: true });
  await queue.close();
}

describeOnBrokers('jobs that nobody should have sent', (broker) => {
  it('do no harm: garbage, other engines, old and unknown deliveries, duplicates', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await ended(bundle, executionId);
    const [engine] = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
    const forged = [
      null,
      'text',
      { v: 99, engine: engine?.id, execution: executionId, position: 0, delivery: 1 },
      { v: 1, engine: 'another', execution: executionId, position: 0, delivery: 1 },
      { v: 1, engine: engine?.id, execution: "'; DROP TABLE reeve.step; --", position: 0, delivery: 1 },
      { v: 1, engine: engine?.id, execution: executionId, position: 0, delivery: 1 },
      { v: 1, engine: engine?.id, execution: executionId, position: 7, delivery: 1 },
      { v: 1, engine: engine?.id, execution: executionId, position: -1, delivery: 1e300 },
      { v: 1, engine: engine?.id, execution: '01900000-0000-7000-8000-000000000000', position: 0, delivery: 1 },
    ];
    const direct = new JobBroker({
      redisUrl: redisUrlOf(broker),
      postgres: { connectionString: bundle.url },
      brokerSchema: 'reeve_broker',
      engineId: engine?.id ?? '',
      leaseMs: 30_000,
      logger: bundle.reeve.options.logger as never,
    });
    await direct.addJobs(
      'tasks',
      forged.map((data, index) => ({ name: 'step', data, opts: { jobId: `forged_${index}` } })),
    );
    await eventually(async () => {
      const counts = await direct.jobCounts('tasks');
      expect((counts['waiting'] ?? 0) + (counts['active'] ?? 0)).toBe(0);
    });
    await direct.close();
    expect(outside.names()).toEqual(['rename']);
    const again = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    expect((await ended(bundle, again.executionId)).state).toBe('succeeded');
  });
});

describeOnBrokers('a job of a newer build', (broker) => {
  it('is left alone by an older worker, and its step goes out again at once', async () => {
    const brief = defineTask({ name: 'brief', run: () => 'done' });
    // So that nothing else would find the step.
    const timing = { ...quickTiming, grace: '1h' } as const;
    await using bundle = await makeBundle(broker, { tasks: [brief], timing, publish: false });
    const { executionId } = await bundle.reeve.execute(brief);
    const [engine] = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
    const direct = new JobBroker({
      redisUrl: redisUrlOf(broker),
      postgres: { connectionString: bundle.url },
      brokerSchema: 'reeve_broker',
      engineId: engine?.id ?? '',
      leaseMs: 30_000,
      logger: bundle.reeve.options.logger as never,
    });
    const data = { v: 2, engine: engine?.id, execution: executionId, position: 0, delivery: 1, more: 'of it' };
    await direct.addJobs('tasks', [{ name: 'step', data, opts: { jobId: `s_${executionId}_0_1` } }]);
    await direct.close();
    await bundle.reeve.startWorker();
    expect(await bundle.reeve.result(executionId, { timeout: '30s' })).toMatchObject({ state: 'succeeded' });
    const steps = await bundle.query(
      `SELECT delivery, attempt FROM reeve.step WHERE execution_id = $1 AND position = 0`,
      [executionId],
    );
    expect(steps).toEqual([{ delivery: 2, attempt: 1 }]);
  });
});

describeOnBrokers('a worker that dies with a job in its hands, before it has claimed the step', (broker) => {
  it('gives the job back after a lease', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.ready();
    const [engine] = await bundle.query<{ id: string }>('SELECT id FROM reeve.engine');
    const doomed = new JobBroker({
      redisUrl: redisUrlOf(broker),
      postgres: poolConfigOf(bundle.dataSource),
      brokerSchema: 'reeve_broker',
      engineId: engine?.id ?? '',
      leaseMs: 2_000,
      logger: createLogger('silent'),
    });
    const taken = Promise.withResolvers<void>();
    const worker = doomed.worker(
      'tasks',
      async () => {
        taken.resolve();
        await new Promise(() => undefined);
      },
      { concurrency: 1 },
    );
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await taken.promise;
    await worker.close(true);
    await bundle.reeve.startWorker();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    await doomed.close();
  });
});
