import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineCreateExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { quickTiming } from '../support/quick-timing.ts';
import { testRandom } from '../support/random.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { withinMs } from '../support/within.ts';

const stepStates = async (bundle: Bundle, executionId: string): Promise<string[]> =>
  (await bundle.reeve.execution(executionId)).steps.map((step) => step.state);

describeOnBrokers('a cancel', (broker) => {
  it('before anything has begun ends the execution at once; the resource is erred with the reason, and free', async () => {
    const { volume } = testResources(new Outside());
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create').call('rename') });
    await using bundle = await makeBundle(broker, { executors: [create] });
    const row = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(create, row);
    expect(await bundle.reeve.cancel(executionId, { reason: 'wrong name', by: 'ada' })).toEqual({ state: 'canceled' });
    expect(await ended(bundle, executionId)).toMatchObject({
      state: 'canceled',
      error: { code: 'EXECUTION_CANCELED', message: 'canceled: wrong name' },
    });
    expect(await stepStates(bundle, executionId)).toEqual(['canceled', 'canceled', 'canceled']);
    expect(await readVolume(bundle, row.id)).toMatchObject({
      state: 'erred',
      executionId: null,
      errorMessage: 'canceled: wrong name',
    });
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceled' });
    const events = await bundle.query<{ data: unknown }>(`SELECT data FROM reeve.event WHERE kind = 'operator.cancel'`);
    expect(events).toEqual([{ data: { by: 'ada', reason: 'wrong name', from: 'running' } }]);
  });

  it('ends what waits for a countdown, for a retry and for the next look of a poll; none of it runs again', async () => {
    const outside = new Outside();
    outside.on('isReady', () => false);
    const { volume } = testResources(outside);
    const later = defineTask({ name: 'later', run: () => 'late' });
    const failing = defineTask({
      name: 'failing',
      retry: { attempts: 5, delay: '1h' },
      run: () => {
        throw new Error('not yet');
      },
    });
    const polling = defineActionExecutor(volume, {
      name: 'volume.watch',
      plan: (p) => p.poll('isReady', { every: '1h', timeout: '5h' }),
    });
    await using bundle = await makeBundle(broker, { executors: [polling], tasks: [later, failing] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const ids = [
      (await bundle.reeve.execute(later, {}, { countdown: '1h' })).executionId,
      (await bundle.reeve.execute(failing)).executionId,
      (await bundle.reeve.execute(polling, row)).executionId,
    ];
    for (const id of ids) {
      await eventually(async () => {
        expect((await stepStates(bundle, id))[0]).toBe('delayed');
      });
      expect(await bundle.reeve.cancel(id)).toEqual({ state: 'canceled' });
      expect(new Set(await stepStates(bundle, id))).toEqual(new Set(['canceled']));
    }
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null });
    expect(outside.names()).toEqual(['isReady']);
  });

  it('aborts the signal of a running step at once in its own process, and within a heartbeat in another', async () => {
    const started: string[] = [];
    const polite = defineTask({
      name: 'polite',
      run: async (_input, context) => {
        started.push(context.executionId);
        await pause(30_000, undefined, { signal: context.signal });
      },
    });
    const never = defineTask({ name: 'never', run: () => started.push('never') });
    const { volume } = testResources(new Outside());
    const two = defineActionExecutor(volume, {
      name: 'volume.two',
      plan: (p) => p.run(polite, undefined).run(never, undefined),
    });
    await using bundle = await makeBundle(broker, { executors: [two], tasks: [polite, never] });
    await using elsewhere = bundle.another();
    await bundle.reeve.startWorker();
    for (const [reeve, limitMs] of [
      [bundle.reeve, 300],
      [elsewhere, 1_500],
    ] as const) {
      const row = await volumeIn(bundle, 'ok');
      const { executionId } = await bundle.reeve.execute(two, row);
      await eventually(() => expect(started).toContain(executionId));
      const canceledAt = performance.now();
      expect(await reeve.cancel(executionId)).toEqual({ state: 'canceling' });
      expect(await ended(bundle, executionId)).toMatchObject({ state: 'canceled' });
      expect(performance.now() - canceledAt).toBeLessThan(withinMs(limitMs));
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps.map((step) => step.state)).toEqual(['canceled', 'canceled', 'canceled']);
      expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['canceled']);
      expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'erred', executionId: null });
    }
    expect(started).not.toContain('never');
  });

  it('is over after the grace for a step that ignores its signal, and what its code returns later is not written', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const deaf = defineTask({
      name: 'deaf',
      run: async () => {
        started.resolve();
        await gate.promise;
        return 'too late';
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [deaf], timing: { ...quickTiming, cancelGrace: '400ms' } });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(deaf);
    await started.promise;
    const canceledAt = performance.now();
    expect(await bundle.reeve.cancel(executionId, { reason: 'enough' })).toEqual({ state: 'canceling' });
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceling' });
    expect(await ended(bundle, executionId)).toMatchObject({
      state: 'canceled',
      error: { message: 'canceled: enough' },
    });
    expect(performance.now() - canceledAt).toBeGreaterThanOrEqual(390);
    gate.resolve();
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]).toMatchObject({ state: 'canceled', result: null });
    expect(steps[0]?.attempts[0]?.error?.message).toContain('did not end within 400 ms after the cancel');
  });

  it('keeps the success of a step that ends well after it, and starts nothing behind it', async () => {
    const outside = new Outside();
    const gate = Promise.withResolvers<void>();
    const { volume } = testResources(outside);
    outside.on('rename', () => gate.promise);
    const two = defineActionExecutor(volume, { name: 'volume.two', plan: (p) => p.call('rename').call('extend', [2]) });
    await using bundle = await makeBundle(broker, { executors: [two] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(two, row);
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceling' });
    gate.resolve();
    expect((await ended(bundle, executionId)).state).toBe('canceled');
    expect(await stepStates(bundle, executionId)).toEqual(['succeeded', 'canceled', 'canceled']);
    expect(outside.names()).toEqual(['rename']);
  });

  it('ends the execution of a worker that died: the reaped step is canceled and not sent again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const gate = Promise.withResolvers<void>();
    outside.on('rename', () => gate.promise);
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(rename, await volumeIn(bundle, 'ok'));
    await eventually(() => expect(outside.names()).toEqual(['rename']));
    await bundle.query(`UPDATE reeve.step SET claim_token = gen_random_uuid() WHERE state = 'running'`);
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'canceling' });
    expect((await ended(bundle, executionId)).state).toBe('canceled');
    gate.resolve();
    expect(await stepStates(bundle, executionId)).toEqual(['canceled', 'canceled']);
    expect(outside.names()).toEqual(['rename']);
  });

  it('of an unknown execution is refused, and one of an ended execution answers how it ended', async () => {
    const good = defineTask({ name: 'good', run: () => 'fine' });
    await using bundle = await makeBundle(broker, { tasks: [good] });
    await bundle.reeve.startWorker();
    for (const id of ['01900000-0000-7000-8000-000000000000', 'nonsense']) {
      await expect(bundle.reeve.cancel(id)).rejects.toMatchObject({ code: 'EXECUTION_NOT_FOUND' });
    }
    const { executionId } = await bundle.reeve.execute(good);
    await ended(bundle, executionId);
    expect(await bundle.reeve.cancel(executionId)).toEqual({ state: 'succeeded' });
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: 'fine' });
  });

  it('and a finish that come together: the first wins, and the ledger and the resource agree', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    await bundle.reeve.startWorker();
    const random = testRandom('cancel against finish');
    const seen = new Set<string>();
    for (let round = 0; round < 50; round += 1) {
      const row = await volumeIn(bundle, 'ok');
      const { executionId } = await bundle.reeve.execute(rename, row);
      await pause(random.int(0, 40));
      const answer = await bundle.reeve.cancel(executionId);
      const outcome = await ended(bundle, executionId);
      seen.add(outcome.state);
      if (answer.state !== 'canceling') expect(outcome.state).toBe(answer.state);
      else expect(outcome.state).toBe('canceled');
      const state = outcome.state === 'succeeded' ? 'ok' : 'erred';
      expect(await readVolume(bundle, row.id)).toMatchObject({ state, executionId: null });
    }
    expect(seen).toContain('canceled');
    expect(await bundle.reeve.checkInvariants()).toEqual([]);
  });
});
