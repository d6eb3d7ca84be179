import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { chain, defineActionExecutor, defineDeleteExecutor, defineTask, involve, signature } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';

describeOnBrokers('several calls in one transaction', (broker) => {
  it('take turns: one that is refused takes nothing of the other with it', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const [free, busy] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'creation_scheduled')];
    await bundle.dataSource.transaction(async (manager) => {
      const answers = await Promise.allSettled([
        bundle.reeve.in(manager).execute(rename, free),
        bundle.reeve.in(manager).execute(rename, busy),
      ]);
      expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected']);
    });
    expect(await bundle.query('SELECT resource_id FROM reeve.execution')).toEqual([{ resource_id: free.id }]);
    expect(await readVolume(bundle, free.id)).toMatchObject({ state: 'update_scheduled' });
    await bundle.reeve.startWorker();
    const [execution] = await bundle.query<{ id: string }>('SELECT id FROM reeve.execution');
    expect((await ended(bundle, execution?.id ?? '')).state).toBe('succeeded');
  });

  it('go on after an id that is none, and keep the lock timeout of the caller', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      facts: (row) => ({ name: row.name }),
      plan: (p) => p.call('rename'),
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.dataSource.transaction(async (manager) => {
      await manager.query(`SET LOCAL lock_timeout = '7s'`);
      await expect(bundle.reeve.in(manager).execute(rename, 'not-a-uuid')).rejects.toMatchObject({
        code: 'RESOURCE_NOT_FOUND',
      });
      expect(await manager.query('SHOW lock_timeout')).toEqual([{ lock_timeout: '7s' }]);
      await manager.save(Volume, { name: 'still possible' });
    });
    expect(await bundle.query('SELECT name FROM volume')).toEqual([{ name: 'still possible' }]);
  });
});

describeOnBrokers('a before hook', (broker) => {
  it('that catches a refused operation and then throws leaves nothing of either', async () => {
    const { volume } = testResources(new Outside());
    const inner = defineActionExecutor(volume, { name: 'volume.inner', plan: (p) => p.call('rename') });
    const others: Volume[] = [];
    await using bundle = await makeBundle(broker, { executors: [inner, outerOf()] });
    const row = await volumeIn(bundle, 'ok');
    others.push(await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'creation_scheduled'));
    const [outer] = bundle.reeve.options.executors.filter((executor) => executor.name === 'volume.outer');
    await bundle.dataSource.transaction(async (manager) => {
      const refused = bundle.reeve.in(manager).execute(outer as ReturnType<typeof outerOf>, row);
      await expect(refused).rejects.toThrow('on second thoughts');
    });
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toEqual([]);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(await readVolume(bundle, others[0]?.id ?? '')).toMatchObject({ state: 'ok', executionId: null });

    function outerOf() {
      return defineActionExecutor(volume, {
        name: 'volume.outer',
        plan: (p) => p.call('rename'),
        before: async ({ manager }) => {
          const [possible, refused] = others as [Volume, Volume];
          await bundle.reeve.in(manager).execute(inner, possible);
          await expect(bundle.reeve.in(manager).execute(inner, refused)).rejects.toMatchObject({
            code: 'RESOURCE_BUSY',
          });
          throw new Error('on second thoughts');
        },
      });
    }
  });

  it('keeps its own errors: what the database tells it is not renamed', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, {
      name: 'volume.rename',
      plan: (p) => p.call('rename'),
      before: async ({ manager }) => {
        await manager.query(`SELECT 'x'::uuid`);
      },
    });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const row = await volumeIn(bundle, 'ok');
    await expect(bundle.reeve.execute(rename, row)).rejects.toMatchObject({ code: '22P02' });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', executionId: null });
  });
});

describeOnBrokers('a repeated request', (broker) => {
  it('is answered with its execution even when its resource is gone by now', async () => {
    const { volume } = testResources(new Outside());
    const remove = defineDeleteExecutor(volume, {
      facts: (row) => ({ name: row.name }),
      plan: (p) => p.call('remove'),
    });
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const first = await bundle.reeve.execute(remove, row, {}, { idempotencyKey: 'delete-it' });
    await ended(bundle, first.executionId);
    expect(await readVolume(bundle, row.id)).toBeNull();
    const again = await bundle.reeve.execute(remove, row, {}, { idempotencyKey: 'delete-it' });
    expect(again).toEqual({ executionId: first.executionId, created: false });
  });

  it('with other inputs of a chain under the same key is refused', async () => {
    const echo = defineTask({ name: 'echo', input: z.number(), run: (input) => input });
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    const options = { idempotencyKey: 'chain' };
    const first = await bundle.reeve.execute(chain(signature(echo, 1), signature(echo, 2)), options);
    const same = await bundle.reeve.execute(chain(signature(echo, 1), signature(echo, 2)), options);
    expect(same).toEqual({ executionId: first.executionId, created: false });
    await expect(bundle.reeve.execute(chain(signature(echo, 1), signature(echo, 3)), options)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_CONFLICT',
    });
  });
});

describeOnBrokers('an executor that owns only other resources', (broker) => {
  it('is refused like any other while one of them is busy, and never answered with a foreign execution', async () => {
    const { volume } = testResources(new Outside());
    const involved: Volume[] = [];
    const { defineExecutor } = await import('../../src/index.ts');
    const outerOnly = defineExecutor(volume, {
      name: 'volume.audit',
      involves: () => involved.map((row) => involve(volume, row)),
      plan: (p) => p.call('rename'),
    });
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [outerOnly, rename] });
    const [main, other] = [await volumeIn(bundle, 'ok'), await volumeIn(bundle, 'ok')];
    involved.push(other);
    await bundle.reeve.execute(rename, other);
    await expect(bundle.reeve.execute(outerOnly, main)).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      details: { resourceId: other.id },
    });
    await bundle.reeve.startWorker();
  });
});
