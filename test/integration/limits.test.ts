import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineBackgroundTask, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';
import { withinMs } from '../support/within.ts';

describeOnBrokers('time limits', (broker) => {
  it('abort the signal at the soft limit, and end the attempt at the hard one whatever its code does', async () => {
    const polite = defineTask({
      name: 'polite',
      softTimeLimit: '200ms',
      run: async (_input, context) => {
        await pause(10_000, undefined, { signal: context.signal }).catch(() => {
          throw context.signal.reason;
        });
      },
    });
    const deaf = defineTask({
      name: 'deaf',
      timeLimit: '300ms',
      run: async () => {
        await pause(3_000);
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [polite, deaf] });
    await bundle.reeve.startWorker();
    for (const task of [polite, deaf]) {
      const { executionId } = await bundle.reeve.execute(task);
      const startedAt = performance.now();
      expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code: 'TASK_TIMED_OUT' } });
      expect(performance.now() - startedAt).toBeLessThan(2_000);
    }
  });
});

describeOnBrokers('errors and results that cannot be stored as they are', (broker) => {
  const bomb = {
    get message(): string {
      throw new Error('inside the getter');
    },
  };
  const cyclic = new Error('outer');
  cyclic.cause = cyclic;
  it.each([
    ['a NUL character', new Error('a\u0000b'), 'a\uFFFDb'],
    ['a lone surrogate', new Error('a\uD800b'), 'a\uFFFDb'],
    ['null', null, 'null'],
    ['a getter that throws', bomb, 'without a message'],
    ['a cyclic cause', cyclic, 'outer'],
    ['a text', 'just text', 'just text'],
  ])('are stored all the same: %s', async (_title, thrown, words) => {
    const failing = defineTask({
      name: 'failing',
      run: () => {
        throw thrown as Error;
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [failing] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(failing);
    const outcome = await ended(bundle, executionId);
    expect(outcome.state).toBe('failed');
    expect(outcome.error?.message).toContain(words);
  });

  it('an error of megabytes is cut, a result that is not JSON fails the step', async () => {
    const huge = defineTask({
      name: 'huge',
      run: () => {
        throw new Error('x'.repeat(10_000_000));
      },
    });
    const strange = defineTask({ name: 'strange', run: () => ({ at: new Date(0) }) });
    await using bundle = await makeBundle(broker, { tasks: [huge, strange] });
    await bundle.reeve.startWorker();
    const first = await bundle.reeve.execute(huge);
    expect((await ended(bundle, first.executionId)).error?.message.length).toBeLessThanOrEqual(8_192);
    const second = await bundle.reeve.execute(strange);
    expect(await ended(bundle, second.executionId)).toMatchObject({
      state: 'failed',
      error: { code: 'RESULT_NOT_JSON' },
    });
  });
});

describeOnBrokers('a worker that is stopped', (broker) => {
  it('finishes what runs and takes nothing new', async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const slow = defineTask({
      name: 'slow',
      run: async () => {
        started.resolve();
        await gate.promise;
        return 'finished';
      },
    });
    const later = defineTask({ name: 'later', run: () => 'later' });
    await using bundle = await makeBundle(broker, { tasks: [slow, later] });
    const worker = await bundle.reeve.startWorker();
    const first = await bundle.reeve.execute(slow);
    await started.promise;
    const stopping = worker.stop();
    const second = await bundle.reeve.execute(later);
    await pause(500);
    gate.resolve();
    await stopping;
    expect(await ended(bundle, first.executionId)).toMatchObject({ state: 'succeeded', result: 'finished' });
    expect(await bundle.reeve.execution(second.executionId)).toMatchObject({ state: 'running', stepsDone: 0 });
    await bundle.reeve.startWorker();
    expect((await ended(bundle, second.executionId)).state).toBe('succeeded');
  });

  it('gives a step that agreed back at once, and its attempt is not counted', async () => {
    let runs = 0;
    const started = Promise.withResolvers<void>();
    const patient = defineTask({
      name: 'patient',
      interruptible: true,
      run: async (_input, context) => {
        runs += 1;
        if (runs > 1) return 'second time';
        started.resolve();
        await pause(30_000, undefined, { signal: context.signal });
        return 'first time';
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [patient] });
    const worker = await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(patient);
    await started.promise;
    await worker.stop();
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[0]).toMatchObject({ attempt: 0, crashes: 0 });
    expect(steps[0]?.attempts.map((attempt) => attempt.outcome)).toEqual(['released']);
    await bundle.reeve.startWorker();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: 'second time' });
  });
});

describeOnBrokers('queues', (broker) => {
  it('W30 a heavy execution is done by heavy workers alone, and none of its steps is on the regular queue', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const extend = defineActionExecutor(volume, {
      name: 'volume.extend',
      plan: (p) => p.call('rename').call('extend', [2]),
    });
    await using bundle = await makeBundle(broker, { executors: [extend] });
    await bundle.reeve.startWorker({ queues: ['heavy'] });
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(extend, row, {}, { weight: 'heavy' });
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const { steps } = await bundle.reeve.execution(executionId);
    expect(new Set(steps.map((step) => step.queue))).toEqual(new Set(['heavy']));
    const empty = defineActionExecutor(volume, { name: 'volume.nothing', plan: (p) => p });
    await using other = bundle.another({ executors: [empty] });
    await other.startWorker({ queues: ['heavy'] });
    const nothing = await other.execute(empty, row, {}, { weight: 'heavy' });
    expect((await other.result(nothing.executionId, { timeout: '60s' })).state).toBe('succeeded');
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok' });
  });

  it('keep a countdown before the first step', async () => {
    const now = defineTask({ name: 'now', run: () => Date.now() });
    await using bundle = await makeBundle(broker, { tasks: [now] });
    await bundle.reeve.startWorker();
    const scheduledAt = Date.now();
    const { executionId } = await bundle.reeve.execute(now, {}, { countdown: '1s' });
    const { result } = await ended(bundle, executionId);
    expect(Number(result) - scheduledAt).toBeGreaterThanOrEqual(1_000);
    expect(Number(result) - scheduledAt).toBeLessThan(withinMs(2_000));
  });
});

describeOnBrokers('a background task', (broker) => {
  it('is refused while one with the same key is alive, with the id of that one, and accepted again afterwards', async () => {
    const gate = Promise.withResolvers<void>();
    const pull = defineBackgroundTask({
      name: 'pull',
      input: z.object({ server: z.string(), force: z.boolean().optional() }),
      key: (input) => input.server,
      run: async () => {
        await gate.promise;
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const answers = await Promise.all(Array.from({ length: 20 }, () => bundle.reeve.execute(pull, { server: 'main' })));
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.executionId)).size).toBe(1);
    expect(await bundle.reeve.execute(pull, { server: 'other' })).toMatchObject({ created: true });
    await bundle.reeve.startWorker();
    await eventually(async () => {
      expect(await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'running'`)).toHaveLength(2);
    });
    expect(await bundle.reeve.execute(pull, { server: 'main', force: true })).toMatchObject({ created: false });
    gate.resolve();
    const first = answers[0]?.executionId ?? '';
    expect((await ended(bundle, first)).state).toBe('succeeded');
    const again = await bundle.reeve.execute(pull, { server: 'main' });
    expect(again.created).toBe(true);
    await ended(bundle, again.executionId);
    const { steps } = await bundle.reeve.execution(again.executionId);
    expect(steps[0]?.queue).toBe('background');
  });
});
