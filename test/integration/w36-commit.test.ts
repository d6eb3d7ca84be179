import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import type { DataSource, EntitySubscriberInterface } from 'typeorm';
import { createLogger, defineActionExecutor, defineCreateExecutor, type Reeve } from '../../src/index.ts';
import { jobsOf } from '../support/broker-jobs.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { callTable, ThingSchema } from '../support/child-app.ts';
import { Child } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { logLines } from '../support/log-lines.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

function executorsOf(outside: Outside) {
  const { volume } = testResources(outside);
  return {
    createVolume: defineCreateExecutor(volume, { plan: (p) => p.call('create') }),
    renameVolume: defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') }),
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

describeOnBrokers('commit-deferred scheduling', (broker) => {
  it('W36 the first step of a transaction that waits five seconds starts only after its commit, and then at once', async () => {
    const outside = new Outside();
    const { createVolume } = executorsOf(outside);
    let calledAt = 0;
    outside.on('create', () => {
      calledAt = performance.now();
    });
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.dataSource.transaction(async (manager) => {
      const volume = await manager.save(Volume, { name: 'late' });
      const scheduled = await bundle.reeve.in(manager).execute(createVolume, volume);
      await pause(5_000);
      expect(outside.calls).toEqual([]);
      return scheduled;
    });
    const committedAt = performance.now();
    await ended(bundle, executionId);
    expect(calledAt - committedAt).toBeLessThan(withinMs(200));
  });

  it('W36 the first step starts within 100 ms of the commit, median of 20', async () => {
    const outside = new Outside();
    const { createVolume } = executorsOf(outside);
    const calledAt = new Map<string, number>();
    await using bundle = await makeBundle(broker, { executors: [createVolume] });
    outside.answer = async (_method, name) => {
      calledAt.set(String(name), performance.now());
    };
    await bundle.reeve.startWorker();
    const delays: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const name = `volume-${round}`;
      const { executionId } = await bundle.dataSource.transaction(async (manager) => {
        const volume = await manager.save(Volume, { name });
        return bundle.reeve.in(manager).execute(createVolume, volume);
      });
      const committedAt = performance.now();
      await ended(bundle, executionId);
      delays.push((calledAt.get(name) ?? NaN) - committedAt);
    }
    process.stdout.write(`commit to first step (${broker}): median ${median(delays).toFixed(1)} ms of 20\n`);
    expect(median(delays)).toBeLessThan(withinMs(100));
  });

  it('W36 a rollback leaves no row, no job, no call and no log line of an error', async () => {
    const outside = new Outside();
    const { createVolume, renameVolume } = executorsOf(outside);
    const log = logLines();
    await using bundle = await makeBundle(broker, { executors: [createVolume, renameVolume], logger: log.logger });
    await bundle.reeve.startWorker();
    const existing = await volumeIn(bundle, 'ok');
    const undone = bundle.dataSource.transaction(async (manager) => {
      const volume = await manager.save(Volume, { name: 'never' });
      await bundle.reeve.in(manager).execute(createVolume, volume);
      await bundle.reeve.in(manager).execute(renameVolume, existing);
      throw new Error('the caller changed his mind');
    });
    await expect(undone).rejects.toThrow('the caller changed his mind');
    const relayRounds = 3;
    for (let round = 0; round < relayRounds; round += 1) await pause(600);
    expect(outside.calls).toEqual([]);
    expect(await jobsOf(bundle, broker)).toEqual([]);
    for (const table of ['execution', 'step', 'attempt', 'event', 'execution_resource']) {
      expect(await bundle.query(`SELECT * FROM reeve.${table}`)).toEqual([]);
    }
    expect(await bundle.query('SELECT name FROM volume')).toEqual([{ name: 'data' }]);
    expect(await readVolume(bundle, existing.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(log.at('warn')).toEqual([]);
    expect(log.at('error')).toEqual([]);
  });

  it('W36 an operation whose caller was killed between commit and publish is still done', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    await using caller = new Child('commit-and-die', bundle.url, broker);
    await caller.exited;
    expect(await bundle.query('SELECT 1 FROM reeve.step WHERE published_epoch >= 0')).toEqual([]);
    await using worker = new Child('worker', bundle.url, broker);
    expect(await worker.line()).toBe('ready');
    await eventually(async () => {
      expect(await bundle.query('SELECT state FROM thing')).toEqual([{ state: 'ok' }]);
      expect(await bundle.query('SELECT method, name FROM call')).toEqual([{ method: 'quick', name: 'orphan' }]);
      expect(await bundle.query('SELECT state FROM reeve.execution')).toEqual([{ state: 'succeeded' }]);
    });
  });
});

/** What Waldur calls a signal handler: starts an operation when a row is inserted, in the transaction that inserts it. */
function startOnInsert(reeve: () => Reeve, createVolume: ReturnType<typeof executorsOf>['createVolume']) {
  const subscriber: EntitySubscriberInterface<Volume> = {
    listenTo: () => Volume,
    afterInsert: async (event) => {
      await reeve().in(event.manager).execute(createVolume, event.entity);
    },
  };
  return (dataSource: DataSource) => dataSource.subscribers.push(subscriber);
}

describeOnBrokers('a TypeORM subscriber', (broker) => {
  it('W36 starts an operation through event.manager exactly if the transaction commits', async () => {
    const outside = new Outside();
    const { createVolume } = executorsOf(outside);
    await using bundle = await makeBundle(broker, { executors: [createVolume], logger: createLogger('silent') });
    startOnInsert(() => bundle.reeve, createVolume)(bundle.dataSource);
    await bundle.reeve.startWorker();
    await expect(
      bundle.dataSource.transaction(async (manager) => {
        await manager.save(Volume, { name: 'rolled back' });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toEqual([]);
    await bundle.dataSource.transaction((manager) => manager.save(Volume, { name: 'committed' }));
    const committedAt = performance.now();
    await eventually(() => expect(outside.calls).toEqual([['create', 'committed', {}]]), { pauseMs: 5 });
    expect(performance.now() - committedAt).toBeLessThan(withinMs(400));
    await eventually(async () => {
      expect(await bundle.query('SELECT name, state FROM volume')).toEqual([{ name: 'committed', state: 'ok' }]);
    });
  });
});
