import { describe, expect, it } from '@jest/globals';
import {
  defineActionExecutor,
  defineBackgroundTask,
  defineCreateExecutor,
  defineSchedule,
  defineThrottle,
} from '../../src/index.ts';
import { makeBundle } from '../support/bundle.ts';
import { newVolume, withKit } from '../support/kit.ts';
import { volumeIn } from '../support/start.ts';
import { InstanceSchema, Outside, testResources, Volume } from '../support/volume.ts';

describe('the test kit', () => {
  it('runs nothing by itself, one step at a time when it is told to, and says what it did', async () => {
    const { volume } = testResources(new Outside());
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create').call('rename') });
    await withKit({ executors: [create] }, async (kit, dataSource) => {
      await kit.expectNothingScheduled();
      const row = await newVolume(dataSource, 'creation_scheduled');
      const { executionId } = await kit.execute(create, row.id);
      expect(await kit.expectScheduled(create, row)).toMatchObject({ id: executionId, state: 'running' });
      await expect(kit.expectScheduled(create, 'other')).rejects.toThrow(
        /was not scheduled; what there is:\n {2}test.volume.create/,
      );
      await expect(kit.result(executionId)).rejects.toThrow(/has not ended/);
      expect(kit.backend(volume).calls).toEqual([]);
      expect(await kit.step()).toMatchObject({ executionId, position: 0, description: 'create', outcome: 'succeeded' });
      expect(kit.backend(volume).names()).toEqual(['create']);
      expect((await dataSource.manager.findOneByOrFail(Volume, { id: row.id })).state).toBe('creating');
      expect(await kit.drain()).toBe(1);
      expect(await kit.step()).toBeUndefined();
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
    });
  });

  it('moves the clock: retries, polls and schedules run on the way at their own times', async () => {
    const { volume } = testResources(new Outside());
    const create = defineActionExecutor(volume, {
      name: 'volume.ready',
      plan: (p) =>
        p
          .call('create', { retry: { attempts: 3, delay: '10m', backoff: 'fixed', jitter: 0 } })
          .poll('isReady', { every: '5m', timeout: '2h' }),
    });
    const ticks: string[] = [];
    const tick = defineBackgroundTask({
      name: 'tick',
      key: () => 'one',
      run: () => {
        ticks.push('tick');
      },
    });
    const hourly = defineSchedule(tick, { name: 'hourly', every: '1h' });
    await withKit({ executors: [create], tasks: [tick], schedules: [hourly] }, async (kit, dataSource) => {
      const row = await newVolume(dataSource, 'ok');
      kit.backend(volume).fail('create', 'busy', { times: 2 }).answer('isReady', false, { times: 3 });
      const { executionId } = await kit.execute(create, row.id);
      const before = await kit.clock.now();
      await kit.clock.advance('19m');
      expect(kit.backend(volume).names()).toEqual(['create', 'create']);
      await kit.clock.advance('2m');
      expect(kit.backend(volume).names()).toEqual(['create', 'create', 'create', 'isReady']);
      await kit.clock.advance('3h');
      expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded', result: true });
      expect(
        kit
          .backend(volume)
          .names()
          .filter((name) => name === 'isReady'),
      ).toHaveLength(4);
      expect(ticks).toHaveLength(3);
      const elapsedMs = (await kit.clock.now()).getTime() - before.getTime();
      expect(elapsedMs).toBeGreaterThanOrEqual(201 * 60_000);
      expect(elapsedMs).toBeLessThan(202 * 60_000);
    });
  });

  it.each([
    ['before-run', ['create']],
    ['after-run', ['create', 'create']],
    ['after-commit', ['create']],
  ] as const)('lets the process die %s, and the step goes on when its lease is over', async (point, calls) => {
    const { volume } = testResources(new Outside());
    const one = defineThrottle({ name: 'one', limit: 1 });
    const create = defineCreateExecutor(volume, { throttle: one, plan: (p) => p.call('create').call('rename') });
    await withKit({ executors: [create] }, async (kit, dataSource) => {
      const [a, b] = [
        await newVolume(dataSource, 'creation_scheduled', 'a'),
        await newVolume(dataSource, 'creation_scheduled', 'b'),
      ];
      const first = await kit.execute(create, a.id);
      const second = await kit.execute(create, b.id);
      kit.crash(point);
      await kit.step();
      await kit.checkInvariants();
      if (point !== 'after-commit') expect(await kit.drain()).toBe(0);
      await kit.clock.advance('31s');
      expect(kit.backend(volume).names()).toEqual([...calls, 'rename', 'create', 'rename']);
      for (const { executionId } of [first, second]) {
        expect(await kit.result(executionId)).toMatchObject({ state: 'succeeded' });
      }
    });
  });

  it('turns a test red that leaves the ledger in a state that may not be', async () => {
    const { volume } = testResources(new Outside());
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create') });
    const broken = withKit({ executors: [create] }, async (kit, dataSource) => {
      const row = await newVolume(dataSource, 'creation_scheduled');
      await kit.execute(create, row.id);
      await kit.drain();
      await dataSource.query(`UPDATE volume SET state = 'updating'`);
    });
    await expect(broken).rejects.toThrow(/I1: a test.volume is in a transient state without a live owner/);
  });
});

describe('executeInline', () => {
  it('runs an operation and its children in this process, retries and waits included, without any worker', async () => {
    const outside = new Outside();
    const { volume, instance } = testResources(outside);
    const inner = defineActionExecutor(volume, {
      name: 'inner',
      plan: (p) => p.call('create').wait('300ms').call('rename'),
    });
    const outer = defineActionExecutor(instance, {
      name: 'outer',
      facts: (row) => ({ id: row.name }),
      plan: (p, _input, { id }) =>
        p
          .call('rename', { retry: { attempts: 2, delay: '50ms' } })
          .child(inner, id)
          .call('remove'),
    });
    outside.on(
      'rename',
      () => {
        throw new Error('once');
      },
      () => undefined,
    );
    await using bundle = await makeBundle('postgres', { executors: [inner, outer] });
    const row = await volumeIn(bundle, 'ok');
    const parent = await bundle.dataSource.manager.save(InstanceSchema, { name: row.id, state: 'ok' });
    const outcome = await bundle.reeve.executeInline(outer, parent.id);
    expect(outcome).toMatchObject({ state: 'succeeded' });
    expect(outside.names()).toEqual(['rename', 'rename', 'create', 'rename', 'remove']);
    outside.on('rename', () => {
      throw new Error('for good');
    });
    expect(await bundle.reeve.executeInline(outer, parent.id)).toMatchObject({
      state: 'failed',
      error: { message: 'for good' },
    });
  });
});
