import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor, defineTask, defineThrottle } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, type Volume } from '../support/volume.ts';

const echo = defineTask({ name: 'echo', input: z.any(), run: (input: unknown) => input });

describeOnBrokers('expand', (broker) => {
  it('adds steps that are only known when it is reached, with groups, gates and throttles, before what follows', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const narrow = defineThrottle(volume, { name: 'narrow', key: (row: Volume) => row.name, limit: 1 });
    const grow = defineActionExecutor(volume, {
      name: 'grow',
      plan: (p) =>
        p
          .call('rename')
          .expand(
            (row) => ({ sizes: [row.sizeGb, row.sizeGb + 1, row.sizeGb + 2] }),
            (q, { sizes }) =>
              q
                .throttled(narrow, (r) => r.group(sizes.map((size) => (s: typeof r) => s.call('extend', [size]))))
                .when(
                  (row) => row.name === 'data',
                  (r) => r.call('create'),
                  (r) => r.call('remove'),
                ),
          )
          .run(echo, (data) => data.sizes)
          .call('rename'),
    });
    await using bundle = await makeBundle(broker, { executors: [grow], tasks: [echo] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok', { name: 'data', sizeGb: 7 });
    const { executionId } = await bundle.reeve.execute(grow, row.id);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['rename', 'extend', 'extend', 'extend', 'create', 'rename']);
    expect(
      outside.calls
        .filter(([name]) => name === 'extend')
        .map(([, size]) => size)
        .toSorted((a, b) => Number(a) - Number(b)),
    ).toEqual([7, 8, 9]);
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.find((step) => step.task === 'echo')?.result).toEqual([7, 8, 9]);
    expect(steps.every((step) => ['succeeded', 'skipped'].includes(step.state))).toBe(true);
  });

  it('adds nothing where there is nothing to do, and several at once keep their own steps', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const many = defineActionExecutor(volume, {
      name: 'many',
      plan: (p) =>
        p.group(
          [0, 1, 2, 3].map(
            (count) => (q: typeof p) =>
              q
                .expand(
                  () => Array.from({ length: count }, (_, index) => count * 10 + index),
                  (r, sizes) => sizes.reduce<typeof r>((s, size) => s.call('extend', [size]) as never, r),
                )
                .call('extend', [count]),
          ),
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [many] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(many, (await volumeIn(bundle, 'ok')).id);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const sizes = outside.calls.map(([, size]) => Number(size));
    expect(sizes.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 10, 20, 21, 30, 31, 32]);
    for (const count of [1, 2, 3]) {
      const own = sizes.filter((size) => size === count || Math.floor(size / 10) === count);
      expect(own).toEqual([...own.slice(0, -1).toSorted((a, b) => a - b), count]);
    }
  });

  it('goes on in what it has added after a failure and a retry', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const grow = defineActionExecutor(volume, {
      name: 'grow',
      plan: (p) =>
        p.expand(
          () => [1, 2, 3],
          (q, sizes) => sizes.reduce<typeof q>((r, size) => r.call('extend', [size]) as never, q),
        ),
    });
    outside.on(
      'extend',
      () => undefined,
      () => {
        throw new Error('disk full');
      },
      () => undefined,
    );
    await using bundle = await makeBundle(broker, { executors: [grow] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(grow, row.id);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'disk full' } });
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.calls.map(([, size]) => size)).toEqual([1, 2, 2, 3]);
    expect((await readVolume(bundle, row.id))?.state).toBe('ok');
  });
});

describeOnBrokers('attempt', (broker) => {
  const tried = (outside: Outside) => {
    const { volume } = testResources(outside);
    return defineExecutor(volume, {
      name: 'pull',
      plan: (p) =>
        p
          .attempt((q) => q.call('list' as never), {})
          .attempt((q) => q.call('create'), {
            succeeded: (q) => q.run(echo, (previous) => previous.actionId),
            failed: (q) => q.run(echo, (error) => error.message).call('remove'),
          })
          .call('rename'),
    });
  };

  it.each([
    ['succeeded', ['list', 'create', 'rename'], 'action-data'],
    ['failed', ['list', 'create', 'remove', 'rename'], 'no answer'],
  ] as const)('takes the side "%s" and goes on', async (side, names, told) => {
    const outside = new Outside();
    if (side === 'failed') {
      outside.on('create', () => {
        throw new Error('no answer');
      });
    }
    const pull = tried(outside);
    await using bundle = await makeBundle(broker, { executors: [pull], tasks: [echo] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(pull, (await volumeIn(bundle, 'ok')).id);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(names);
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.find((step) => step.task === 'echo' && step.state === 'succeeded')?.result).toBe(told);
  });

  it('keeps its outcome when a later step fails and the execution is retried', async () => {
    const outside = new Outside();
    outside.on('create', () => {
      throw new Error('no answer');
    });
    outside.on(
      'rename',
      () => {
        throw new Error('locked');
      },
      () => undefined,
    );
    const pull = tried(outside);
    await using bundle = await makeBundle(broker, { executors: [pull], tasks: [echo] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(pull, (await volumeIn(bundle, 'ok')).id);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { message: 'locked' } });
    await bundle.reeve.retry(executionId);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['list', 'create', 'remove', 'rename', 'rename']);
  });
});
