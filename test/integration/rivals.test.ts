import { expect, it } from '@jest/globals';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { callTable, ThingSchema } from '../support/child-app.ts';
import { Child } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';
import { defineActionExecutor, isReeveError } from '../../src/index.ts';
import { runAlone } from '../support/alone.ts';

runAlone();

interface Answer {
  readonly code?: string;
  readonly message?: string;
  readonly executionId?: string;
  readonly created?: boolean;
}

describeOnBrokers('two processes that act on one resource at once', (broker) => {
  it('have exactly one winner; the other gets a conflict that names resource, state and holder', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const thing = await bundle.dataSource.manager.save(ThingSchema, { name: 'contested', state: 'ok' });
    await using one = new Child('race', bundle.url, broker, { TEST_THING: thing.id });
    await using two = new Child('race', bundle.url, broker, { TEST_THING: thing.id });
    await Promise.all([one.line(), two.line()]);
    one.go();
    two.go();
    const answers = [await one.line(), await two.line()].map((line) => JSON.parse(line) as Answer);
    const winner = answers.find((answer) => answer.created === true);
    const loser = answers.find((answer) => answer.code !== undefined);
    expect(winner?.executionId).toBeDefined();
    expect(loser).toMatchObject({ code: 'RESOURCE_BUSY' });
    expect(loser?.message).toContain(thing.id);
    expect(loser?.message).toContain('update_scheduled');
    expect(loser?.message).toContain(winner?.executionId ?? 'no winner');
    expect(await bundle.query('SELECT id FROM reeve.execution')).toEqual([{ id: winner?.executionId }]);
  });

  it('get the same execution for the same idempotency key', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const thing = await bundle.dataSource.manager.save(ThingSchema, { name: 'once', state: 'ok' });
    const environment = { TEST_THING: thing.id, TEST_KEY: 'request-1' };
    await using one = new Child('race', bundle.url, broker, environment);
    await using two = new Child('race', bundle.url, broker, environment);
    await Promise.all([one.line(), two.line()]);
    one.go();
    two.go();
    const answers = [await one.line(), await two.line()].map((line) => JSON.parse(line) as Answer);
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(answers[0]?.executionId).toBe(answers[1]?.executionId);
    await using worker = new Child('worker', bundle.url, broker);
    await worker.line();
    await eventually(async () => {
      expect(await bundle.query('SELECT method FROM call')).toEqual([{ method: 'quick' }]);
      expect(await bundle.query('SELECT state FROM reeve.execution')).toEqual([{ state: 'succeeded' }]);
    });
  });
});

describeOnBrokers('fifty callers at once', (broker) => {
  it('start one operation on a resource; all others get a conflict', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename], lockTimeout: '10s' });
    const row = await volumeIn(bundle, 'ok');
    const answers = await Promise.allSettled(Array.from({ length: 50 }, () => bundle.reeve.execute(rename, row)));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
    expect(refused.every((answer) => isReeveError(answer.reason, 'RESOURCE_BUSY'))).toBe(true);
    await bundle.reeve.startWorker();
    await eventually(async () => expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok' }));
    expect(outside.names()).toEqual(['rename']);
  });

  it('with one idempotency key share one execution', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename], lockTimeout: '10s' });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const options = { idempotencyKey: 'double-click' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => bundle.reeve.execute(rename, row, {}, options)));
    expect(new Set(answers.map((answer) => answer.executionId)).size).toBe(1);
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    await ended(bundle, answers[0]?.executionId ?? '');
    const later = await bundle.reeve.execute(rename, row, {}, options);
    expect(later).toEqual({ executionId: answers[0]?.executionId, created: false });
    expect(outside.names()).toEqual(['rename']);
  });
});

describeOnBrokers('a known idempotency key', (broker) => {
  it('is refused for another request, and free again when its time is over', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const [one, two] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    const first = await bundle.reeve.execute(rename, one, {}, { idempotencyKey: 'k', idempotencyFor: '1h' });
    await expect(bundle.reeve.execute(rename, two, {}, { idempotencyKey: 'k' })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
      details: { executionId: first.executionId },
    });
    expect(await readVolume(bundle, two.id)).toMatchObject({ state: 'ok', executionId: null });
    await bundle.query(`UPDATE reeve.execution SET idempotency_until = now() - interval '1 second'`);
    expect(await bundle.reeve.execute(rename, two, {}, { idempotencyKey: 'k' })).toMatchObject({ created: true });
  });
});

describeOnBrokers('a rival transaction that stays open', (broker) => {
  it('is not waited for longer than the lock timeout, and the caller may go on with his transaction', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename], lockTimeout: '200ms' });
    const row = await volumeIn(bundle, 'ok');
    const rival = bundle.dataSource.createQueryRunner();
    await rival.startTransaction();
    await bundle.reeve.in(rival.manager).execute(rename, row);
    await bundle.dataSource.transaction(async (manager) => {
      await expect(bundle.reeve.in(manager).execute(rename, row)).rejects.toMatchObject({ code: 'BUSY' });
      await manager.save(Volume, { name: 'written after the refusal' });
    });
    await rival.rollbackTransaction();
    await rival.release();
    expect(await bundle.query('SELECT name FROM volume ORDER BY name')).toEqual([
      { name: 'data' },
      { name: 'written after the refusal' },
    ]);
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toEqual([]);
    expect(await bundle.reeve.execute(rename, row)).toMatchObject({ created: true });
  });
});
