import { expect, it } from '@jest/globals';
import {
  backendUnavailable,
  chain,
  defineCreateExecutor,
  defineExecutor,
  defineStates,
  defineTask,
  defineResource,
  defineActionExecutor,
  signature,
} from '../../src/index.ts';
import { z } from 'zod';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, OutsideBackend, testResources, Volume } from '../support/volume.ts';

describeOnBrokers('a poll', (broker) => {
  it('W23 pulls at its interval until the awaited state, then the next step runs; one attempt, one attempt row of polls', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, {
      plan: (p) =>
        p
          .call('create')
          .poll('state', { until: 'ACTIVE', failOn: 'ERROR', goneOn: 'DELETED', every: '300ms', timeout: '10s' })
          .call('rename'),
    });
    outside.on(
      'state',
      () => 'BUILD',
      () => 'BUILD',
      () => 'ACTIVE',
    );
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(create, row);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toEqual(['create', 'state', 'state', 'state', 'rename']);
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[1]).toMatchObject({ state: 'succeeded', attempt: 1, poll: { looks: 3, lastSeen: 'ACTIVE' } });
    expect(steps[1]?.attempts.map(({ outcome, polls }) => [outcome, polls])).toEqual([
      ['polled', 2],
      ['succeeded', 0],
    ]);
    expect(Number(steps[1]?.finishedAt) - Number(steps[1]?.startedAt)).toBeGreaterThanOrEqual(600);
  });

  it.each([
    ['ERROR', 'POLL_FAILED', 'failure'],
    ['DELETED', 'BACKEND_NOT_FOUND', 'gone'],
  ])('ends the execution at once when it sees %s', async (seen, code, words) => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, {
      plan: (p) =>
        p.poll('state', { until: 'ACTIVE', failOn: ['ERROR'], goneOn: 'DELETED', every: '50ms', timeout: '5s' }),
    });
    outside.on('state', () => seen);
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'creation_scheduled');
    const { executionId } = await bundle.reeve.execute(create, row);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'failed', error: { code } });
    expect((await readVolume(bundle, row.id))?.errorMessage).toContain(words);
  });

  it('that takes too long fails with what it waited for and what it last saw', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, {
      plan: (p) => p.poll('state', { until: 'ACTIVE', every: '100ms', timeout: '500ms' }),
    });
    outside.on('state', () => 'BUILD');
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(create, await volumeIn(bundle, 'creation_scheduled'));
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({ state: 'failed', error: { code: 'POLL_TIMED_OUT' } });
    expect(outcome.error?.message).toMatch(/waited for "ACTIVE", last seen "BUILD" after \d+ looks/);
  });

  it('bears a few transient errors in a row, and no more', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const options = { every: '50ms', timeout: '10s', tolerate: 2, retry: { attempts: 1 } } as const;
    const create = defineCreateExecutor(volume, { plan: (p) => p.poll('isReady', options) });
    const busy = (): never => {
      throw backendUnavailable('busy');
    };
    outside.on(
      'isReady',
      busy,
      busy,
      () => false,
      busy,
      busy,
      () => true,
    );
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const first = await bundle.reeve.execute(create, await volumeIn(bundle, 'creation_scheduled'));
    expect((await ended(bundle, first.executionId)).state).toBe('succeeded');
    outside.calls.length = 0;
    outside.on('isReady', busy);
    const second = await bundle.reeve.execute(create, await volumeIn(bundle, 'creation_scheduled'));
    expect(await ended(bundle, second.executionId)).toMatchObject({ state: 'failed', error: { message: 'busy' } });
    expect(outside.calls).toHaveLength(3);
  });
});

describeOnBrokers('the families of tasks', (broker) => {
  it('set runtime states during and after a step, and call methods without the resource', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, {
      plan: (p) =>
        p
          .call('create', { runtimeDuring: 'building', runtimeAfter: 'built' })
          .callIndependent('list', ['vol'])
          .setRuntimeState('online'),
    });
    const seen: (string | undefined)[] = [];
    await using bundle = await makeBundle(broker, { executors: [create] });
    const row = await volumeIn(bundle, 'creation_scheduled');
    outside.answer = async (method, ...args) => {
      outside.calls.push([method, ...args]);
      const now = await readVolume(bundle, row.id);
      seen.push(now?.runtimeState);
      return undefined;
    };
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(create, row);
    await ended(bundle, executionId);
    expect(outside.calls).toEqual([
      ['create', 'data', {}],
      ['list', 'vol'],
    ]);
    expect(seen).toEqual(['building', 'built']);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', runtimeState: 'online' });
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps[1]?.result).toEqual(['vol-1']);
  });

  it('recover an erred resource, mark one as erred, and refuse to where the state does not allow it', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const recover = defineExecutor(volume, { name: 'volume.recover', plan: (p) => p.recover() });
    const break_ = defineExecutor(volume, {
      name: 'volume.break',
      plan: (p) => p.setErred('found broken by the audit'),
    });
    await using bundle = await makeBundle(broker, { executors: [recover, break_] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'ok');
    await ended(bundle, (await bundle.reeve.execute(break_, row)).executionId);
    expect(await readVolume(bundle, row.id)).toMatchObject({
      state: 'erred',
      errorMessage: 'found broken by the audit',
    });
    await ended(bundle, (await bundle.reeve.execute(recover, row)).executionId);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok', errorMessage: '', executionId: null });
    const again = await ended(bundle, (await bundle.reeve.execute(recover, row)).executionId);
    expect(again).toMatchObject({ state: 'failed', error: { code: 'RESOURCE_LOST' } });
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'ok' });
  });

  it('run a bare task, and a chain whose steps feed each other, as anonymous executions', async () => {
    const add = defineTask({
      name: 'add',
      input: z.object({ a: z.number(), b: z.number() }),
      run: ({ a, b }) => ({ sum: a + b }),
    });
    const square = defineTask({ name: 'square', input: z.object({ n: z.number() }), run: ({ n }) => n * n });
    await using bundle = await makeBundle(broker, { tasks: [add, square] });
    await bundle.reeve.startWorker();
    const one = await bundle.reeve.execute(add, { a: 1, b: 2 });
    expect(await ended(bundle, one.executionId)).toMatchObject({ state: 'succeeded', result: { sum: 3 } });
    const chained = chain(
      signature(add, { a: 2, b: 3 }),
      signature(square, (previous: { sum: number }) => ({ n: previous.sum })),
    );
    const two = await bundle.reeve.execute(chained, { context: { user: 'ada' } });
    expect(await ended(bundle, two.executionId)).toMatchObject({ state: 'succeeded', result: 25 });
    expect(await bundle.reeve.execution(two.executionId)).toMatchObject({
      executor: 'add|square',
      context: { user: 'ada' },
    });
  });
});

describeOnBrokers("a state machine of one's own", (broker) => {
  it('moves by its own transitions', async () => {
    const outside = new Outside();
    const states = defineStates({
      states: ['draft', 'publishing', 'published', 'broken'],
      initial: 'draft',
      stable: ['draft', 'published', 'broken'],
      transitions: {
        claim: { from: ['draft', 'broken'], to: 'draft' },
        begin: { from: ['draft'], to: 'publishing' },
        done: { from: ['publishing'], to: 'published' },
        fail: { from: ['draft', 'publishing'], to: 'broken' },
      },
      operations: { action: { start: 'begin', success: 'done', failure: 'fail' } },
    });
    const page = defineResource(Volume, { name: 'test.page', states, backend: () => new OutsideBackend(outside) });
    const publish = defineActionExecutor(page, { name: 'page.publish', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [publish] });
    await bundle.reeve.startWorker();
    const row = await volumeIn(bundle, 'draft');
    const { executionId } = await bundle.reeve.execute(publish, row);
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(await bundle.statesOf(row.id)).toEqual(['draft', 'publishing', 'published']);
    await expect(bundle.reeve.execute(publish, row)).rejects.toMatchObject({
      code: 'RESOURCE_BUSY',
      details: { state: 'published', allowedStates: ['draft'] },
    });
  });
});

describeOnBrokers('watch', (broker) => {
  it('tells each change of the steps and ends with the execution', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const create = defineCreateExecutor(volume, { plan: (p) => p.call('create').wait('300ms').call('rename') });
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(create, await volumeIn(bundle, 'creation_scheduled'));
    const seen: string[] = [];
    for await (const change of bundle.reeve.watch(executionId)) {
      seen.push(change.kind === 'step' ? `${change.description} ${change.state}` : change.state);
    }
    expect(seen).toContain('rename delayed');
    expect(seen.slice(-2)).toEqual(['rename succeeded', 'succeeded']);
  });

  it('carries context, progress and attempt to the task and to every log line', async () => {
    const { logLines } = await import('../support/log-lines.ts');
    const log = logLines();
    const gate = Promise.withResolvers<void>();
    const slow = defineTask({
      name: 'slow',
      run: async (_input, context) => {
        await context.progress(40, 'sending');
        context.logger.info({ mine: true }, 'half way');
        await gate.promise;
        return { context: context.context as { user: string }, key: context.idempotencyKey, fence: context.fence };
      },
    });
    await using bundle = await makeBundle(broker, { tasks: [slow], logger: log.logger });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(slow, {}, { context: { user: 'ada', trace: 'abc' } });
    await eventually(async () => {
      const { steps } = await bundle.reeve.execution(executionId);
      expect(steps[0]?.progress).toEqual({ percent: 40, note: 'sending' });
    });
    gate.resolve();
    const outcome = await ended(bundle, executionId);
    expect(outcome.result).toEqual({ context: { user: 'ada', trace: 'abc' }, key: `${executionId}:0`, fence: 1 });
    const mine = log.lines.find((line) => line.message === 'half way');
    expect(mine?.fields).toMatchObject({
      execution: executionId,
      step: 0,
      attempt: 1,
      task: 'slow',
      context: { user: 'ada' },
    });
  });
});
