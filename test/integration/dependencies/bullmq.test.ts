import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createLogger, defineActionExecutor, defineTask } from '../../../src/index.ts';
import { newId } from '../../../src/core/ids.ts';
import { Broker, migrateBroker, type BrokerOptions } from '../../../src/queues/broker.ts';
import { describeOnBrokers, makeBundle, makeDatabase, redisUrlOf } from '../../support/bundle.ts';
import { callTable, childApp, ThingSchema } from '../../support/child-app.ts';
import { Child } from '../../support/child.ts';
import { eventually } from '../../support/eventually.ts';
import { ended, volumeIn } from '../../support/start.ts';
import { startTestRedis } from '../../support/test-redis.ts';
import { Outside, testResources } from '../../support/volume.ts';

const clockShift = new URL('../../chaos/clock-shift.ts', import.meta.url).href;

function brokerOn(where: Pick<BrokerOptions, 'redisUrl' | 'postgres'>, engineId = newId()): Broker {
  return new Broker({
    ...where,
    brokerSchema: 'reeve_broker',
    engineId,
    leaseMs: 2_000,
    logger: createLogger('silent'),
  });
}

const job = (id: string) => [{ name: 'step', data: { id }, opts: { jobId: id } }];

const redisOnly = redisUrlOf('redis') === undefined ? it.skip : it;

describe('BullMQ on a Redis that was away for longer than its worker blocks', () => {
  redisOnly('F1 fetches again by itself once Redis is back', async () => {
    await using stack = new AsyncDisposableStack();
    const first = new AsyncDisposableStack();
    const redisUrl = (await startTestRedis(first)) ?? '';
    const broker = brokerOn({ redisUrl, postgres: {} });
    stack.defer(() => broker.close());
    const done: string[] = [];
    const worker = broker.worker(
      'tasks',
      async ({ data }) => {
        done.push((data as { id: string }).id);
        await Promise.resolve();
      },
      { concurrency: 2 },
    );
    stack.defer(() => worker.close(true));
    await broker.addJobs('tasks', job('before'));
    await eventually(() => expect(done).toEqual(['before']));
    await first.disposeAsync();
    await pause(8_000);
    const second = stack.use(new AsyncDisposableStack());
    await startTestRedis(second, { port: Number(new URL(redisUrl).port) });
    await eventually(() => broker.addJobs('tasks', job('after')));
    await eventually(() => expect(done).toEqual(['before', 'after']), { timeoutMs: 20_000 });
  });
});

describe('BullMQ on PostgreSQL', () => {
  it('F2 listens again after all of its connections were ended, and fetches after a pause', async () => {
    const database = await makeDatabase();
    await using stack = new AsyncDisposableStack();
    stack.defer(database.drop);
    const postgres = { connectionString: database.url };
    await migrateBroker(postgres, 'reeve_broker');
    const broker = brokerOn({ redisUrl: undefined, postgres });
    stack.defer(() => broker.close());
    const done: string[] = [];
    const make = () =>
      broker.worker(
        'tasks',
        async ({ data }) => {
          done.push((data as { id: string }).id);
          await Promise.resolve();
        },
        { concurrency: 2 },
      );
    const worker = make();
    stack.defer(() => worker.close(true));
    await broker.addJobs('tasks', job('before'));
    await eventually(() => expect(done).toEqual(['before']));
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    stack.defer(() => admin.end());
    for (const round of [1, 2]) {
      await admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reeve broker' AND datname = current_database()`,
      );
      await eventually(() => broker.addJobs('tasks', job(`after ${round}`)));
      await eventually(() => expect(done).toContain(`after ${round}`), { timeoutMs: 20_000 });
    }
    // Without a new connection that listens every job would wait for the longest pause between two looks.
    const began = performance.now();
    for (const number of [1, 2, 3, 4, 5]) {
      await broker.addJobs('tasks', job(`quick ${number}`));
      await eventually(() => expect(done).toContain(`quick ${number}`), { pauseMs: 5 });
    }
    expect(performance.now() - began).toBeLessThan(8_000);
  });
});

describeOnBrokers('a worker whose clock is a minute and a half fast', (broker) => {
  it('F3 may be given a job that another worker has, and does not run its step', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => app.dataSource.destroy());
    stack.defer(() => app.reeve.close());
    await app.dataSource.initialize();
    const thing = await app.dataSource.manager.save(ThingSchema, { name: 'taken', state: 'ok' });
    await using first = new Child('worker', bundle.url, broker);
    await first.line(60_000);
    const { executionId } = await app.reeve.execute(app.slow, thing.id);
    const calls = () => bundle.query<{ pid: number }>(`SELECT pid FROM call WHERE method = 'slow'`);
    await eventually(async () => expect(await calls()).toHaveLength(1));
    const environment = { NODE_OPTIONS: `--import ${clockShift}`, CHAOS_CLOCK_SHIFT_MS: '90000' };
    await using fast = new Child('worker', bundle.url, broker, environment);
    await fast.line(60_000);
    // For BullMQ on PostgreSQL the first one's lock is over by now, as the second one sees it.
    await pause(4_000);
    expect(await calls()).toEqual([{ pid: first.pid }]);
    await bundle.query(`INSERT INTO call (method, name) VALUES ('go on', 'taken')`);
    expect(await app.reeve.result(executionId, { timeout: '20s' })).toMatchObject({ state: 'succeeded' });
    const { steps } = await app.reeve.execution(executionId);
    const outcomes = steps.map(({ attempts }) => attempts.map(({ outcome }) => outcome));
    expect(outcomes.filter((ofStep) => ofStep.length > 0)).toEqual([['succeeded'], ['succeeded']]);
  });
});

const unstorable = 'a \u0000 and \uD800 in it';

describeOnBrokers('texts that no broker and no database can hold', (broker) => {
  it('F4 end a step once: as its failure they are cleaned, as its result they are a failure', async () => {
    let runs = 0;
    const fails = defineTask({
      name: 'fails',
      run: () => {
        runs += 1;
        throw new Error(unstorable);
      },
    });
    const answers = defineTask({
      name: 'answers',
      run: () => {
        runs += 1;
        return unstorable;
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [fails, answers] });
    await bundle.reeve.startWorker();
    const failed = await ended(bundle, (await bundle.reeve.execute(fails)).executionId);
    expect(failed.error?.message).toContain('a \uFFFD and \uFFFD in it');
    const answered = await ended(bundle, (await bundle.reeve.execute(answers)).executionId);
    expect(answered).toMatchObject({ state: 'failed', error: { code: 'RESULT_NOT_JSON' } });
    expect(runs).toBe(2);
  });
});

describeOnBrokers('a job id that the broker holds already', (broker) => {
  it('F5 is added without a word and without effect, and free again once its job is done', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    // Makes the tables of the broker.
    await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    const direct = brokerOn({ redisUrl: redisUrlOf(broker), postgres: { connectionString: bundle.url } });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => direct.close());
    const waiting = async (): Promise<number> => (await direct.jobCounts('twice'))['waiting'] ?? 0;
    await direct.addJobs('twice', job('same'));
    await direct.addJobs('twice', job('same'));
    expect(await waiting()).toBe(1);
    const done: unknown[] = [];
    const worker = direct.worker(
      'twice',
      async ({ data }) => {
        done.push(data);
        await Promise.resolve();
      },
      { concurrency: 1 },
    );
    stack.defer(() => worker.close(true));
    await eventually(async () => expect(await direct.hasJob('twice', 'same')).toBe(false));
    await direct.addJobs('twice', job('same'));
    await eventually(() => expect(done).toHaveLength(2));
  });
});
