import { expect, it } from '@jest/globals';
import { backendRejected, defineDeleteExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { withinMs } from '../support/within.ts';

const refuse = (): never => {
  throw backendRejected('the volume is in use');
};

describeOnBrokers('a deletion that the outside system refuses', (broker) => {
  it('W11 ends erred with the row kept, and gone with a leak record when it is forced', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const remove = defineDeleteExecutor(volume, {
      plan: (p) => p.call('remove'),
      remains: (row) => ({ backendId: row.backendId, name: row.name }),
    });
    outside.on('remove', refuse);
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'erred', { backendId: 'vol-7' });
    const plain = await bundle.reeve.execute(remove, row);
    expect((await ended(bundle, plain.executionId)).state).toBe('failed');
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', errorMessage: 'the volume is in use' });
    expect(await bundle.reeve.leaks()).toEqual([]);

    const forced = await bundle.reeve.execute(remove, row, {}, { force: true });
    expect((await ended(bundle, forced.executionId)).state).toBe('failed');
    expect(await readVolume(bundle, row.id)).toBeNull();
    const [leak, ...others] = await bundle.reeve.leaks();
    expect(others).toEqual([]);
    expect(leak).toMatchObject({
      resourceType: 'test.volume',
      resourceId: row.id,
      executionId: forced.executionId,
      remains: { backendId: 'vol-7', name: 'data' },
      error: { code: 'BACKEND_REJECTED', message: 'the volume is in use' },
      resolvedAt: null,
    });
    await bundle.reeve.resolveLeak(leak?.id ?? '', { by: 'ada', note: 'removed by hand' });
    expect(await bundle.reeve.leaks()).toEqual([]);
    expect(await bundle.reeve.leaks({ resolved: true })).toMatchObject([
      { resolvedBy: 'ada', note: 'removed by hand' },
    ]);
    await expect(bundle.reeve.resolveLeak(leak?.id ?? '', { by: 'bob' })).rejects.toMatchObject({
      code: 'LEAK_NOT_FOUND',
    });
    await expect(bundle.reeve.resolveLeak('no-id', { by: 'bob' })).rejects.toMatchObject({ code: 'LEAK_NOT_FOUND' });
  });

  it('leaves no record when it is forced and works', async () => {
    const { volume } = testResources(new Outside());
    const remove = defineDeleteExecutor(volume, { plan: (p) => p.call('remove') });
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok', { backendId: 'vol-7' });
    const { executionId } = await bundle.reeve.execute(remove, row, {}, { force: true });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(await readVolume(bundle, row.id)).toBeNull();
    expect(await bundle.reeve.leaks()).toEqual([]);
  });

  it('ends erred even when it is forced while the row itself cannot go', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const remove = defineDeleteExecutor(volume, { plan: (p) => p.call('remove') });
    outside.on('remove', refuse);
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.query('CREATE TABLE attachment (volume_id uuid NOT NULL REFERENCES volume (id))');
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok', { backendId: 'vol-7' });
    await bundle.query('INSERT INTO attachment VALUES ($1)', [row.id]);
    const { executionId } = await bundle.reeve.execute(remove, row, {}, { force: true });
    expect((await ended(bundle, executionId)).state).toBe('failed');
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null });
    expect(await bundle.reeve.leaks()).toEqual([]);
  });

  it('is repeated for as long as it takes where the executor says so', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const remove = defineDeleteExecutor(volume, {
      onForce: 'keepTrying',
      plan: (p) => p.call('remove', { retry: { attempts: 1, delay: '20ms', backoff: 'fixed' } }),
    });
    outside.on('remove', refuse, refuse, refuse, refuse, () => undefined);
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(remove, row, {}, { force: true });
    await eventually(() => expect(outside.calls).toHaveLength(5));
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(await readVolume(bundle, row.id)).toBeNull();
  });
});

describeOnBrokers('a deletion in every branch', (broker) => {
  it('W13 takes the row with it, also where the last backend step has removed it outside and where there was nothing', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const remove = defineDeleteExecutor(volume, {
      facts: (row) => ({ exists: row.backendId !== '' }),
      plan: (p, _input, { exists }) => (exists ? p.call('rename').call('remove') : p),
    });
    await using bundle = await makeBundle(broker, { executors: [remove] });
    await bundle.reeve.startWorker();
    for (const backendId of ['vol-1', '']) {
      const row = await volumeIn(bundle, 'ok', { backendId });
      const { executionId } = await bundle.reeve.execute(remove, row);
      expect((await ended(bundle, executionId)).state).toBe('succeeded');
      expect(await readVolume(bundle, row.id)).toBeNull();
    }
    expect(outside.names()).toEqual(['rename', 'remove']);
  });
});

describeOnBrokers('separate pools', (broker) => {
  it('W30 a regular operation starts within 200 ms while background and heavy queues are busy', async () => {
    const { defineActionExecutor, defineTask } = await import('../../src/index.ts');
    const gate = Promise.withResolvers<void>();
    let calledAt = 0;
    const outside = new Outside();
    const { volume } = testResources(outside);
    outside.on('rename', () => {
      calledAt = performance.now();
    });
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const long = defineTask({ name: 'long', queue: 'background', run: () => gate.promise });
    const heavy = defineTask({ name: 'heavy', queue: 'heavy', run: () => gate.promise });
    await using bundle = await makeBundle(broker, { executors: [rename], tasks: [long, heavy] });
    await bundle.reeve.startWorker();
    for (let index = 0; index < 10; index += 1) await bundle.reeve.execute(long);
    for (let index = 0; index < 4; index += 1) await bundle.reeve.execute(heavy);
    await eventually(async () => {
      const { queues } = await bundle.reeve.status();
      expect(queues.find((queue) => queue.name === 'background')).toMatchObject({ running: 5, ready: 5 });
      expect(queues.find((queue) => queue.name === 'heavy')).toMatchObject({ running: 2, ready: 2 });
    });
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(rename, row);
    const committedAt = performance.now();
    await ended(bundle, executionId);
    expect(calledAt - committedAt).toBeLessThan(withinMs(200));
    gate.resolve();
  });
});
