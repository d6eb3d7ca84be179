import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineExecutor, defineTask } from '../../src/index.ts';
import { jobsOf } from '../support/broker-jobs.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended } from '../support/start.ts';

const length = 12;

/** A chain whose steps tell that they run, and wait until they are let go. */
function heldChain() {
  const ran: string[] = [];
  const gates = new Map<number, PromiseWithResolvers<void>>();
  const gate = (index: number): PromiseWithResolvers<void> =>
    gates.get(index) ?? gates.set(index, Promise.withResolvers()).get(index) ?? Promise.withResolvers();
  const say = defineTask({
    name: 'say',
    input: z.object({ who: z.string(), index: z.number() }),
    run: async ({ who, index }) => {
      ran.push(`${who}${index}`);
      if (who === 'held') await gate(index).promise;
    },
  });
  const chain = defineExecutor({
    name: 'chain',
    input: z.object({ who: z.string() }),
    plan: (p, { who }) =>
      p.each(
        Array.from({ length }, (_, index) => index),
        (q, index) => q.run(say, { who, index }),
      ),
  });
  return { ran, gate, registered: { executors: [chain], tasks: [say] }, chain };
}

describeOnBrokers('a worker that goes on with a chain by itself', (broker) => {
  /** Two chains that are both published before the worker begins. */
  const runTwo = async (bundle: Bundle, chain: ReturnType<typeof heldChain>['chain']): Promise<void> => {
    const ids = [];
    for (const who of ['a', 'b']) ids.push((await bundle.reeve.execute(chain, { who })).executionId);
    await eventually(async () => expect(await jobsOf(bundle, broker)).toHaveLength(2));
    await bundle.reeve.startWorker();
    for (const id of ids) expect((await ended(bundle, id)).state).toBe('succeeded');
  };

  it('gives other executions their turn after so many steps', async () => {
    const { ran, registered, chain } = heldChain();
    await using bundle = await makeBundle(broker, {
      ...registered,
      continuation: { steps: 4, time: '1m' },
      queues: { tasks: { concurrency: 1 } },
    });
    await runTwo(bundle, chain);
    const turns =
      ran
        .map((step) => step[0])
        .join('')
        .match(/a+|b+/g) ?? [];
    expect(turns.map((turn) => turn.length)).toEqual([4, 4, 4, 4, 4, 4]);
    expect(ran).toHaveLength(2 * length);
  });

  it('does each step as a job of its own when it is told to', async () => {
    const { ran, registered, chain } = heldChain();
    await using bundle = await makeBundle(broker, {
      ...registered,
      continuation: false,
      queues: { tasks: { concurrency: 1 } },
    });
    await runTwo(bundle, chain);
    expect(ran.slice(0, 4).map((step) => step.slice(1))).toEqual(['0', '0', '1', '1']);
  });

  it('writes each of its steps down like any other', async () => {
    const { registered, chain } = heldChain();
    await using bundle = await makeBundle(broker, registered);
    const worker = await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(chain, { who: 'a' });
    await ended(bundle, executionId);
    const rows = await bundle.query<{
      fence: string;
      number: number;
      outcome: string;
      worker_id: string;
      fits: boolean;
    }>(
      `SELECT a.fence, a.number, a.outcome, a.worker_id, a.started_at = s.claimed_at AND s.ready_at <= s.started_at
         AND a.ended_at = s.finished_at AS fits
       FROM reeve.attempt a JOIN reeve.step s USING (execution_id, position) ORDER BY position`,
    );
    expect(rows).toEqual(
      Array.from({ length }, () => ({ fence: '1', number: 1, outcome: 'succeeded', worker_id: worker.id, fits: true })),
    );
  });

  it('stops between two steps when the queue or the execution is paused, or the execution canceled', async () => {
    const { ran, gate, registered, chain } = heldChain();
    await using bundle = await makeBundle(broker, registered);
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(chain, { who: 'held' });
    const atStep = (index: number): Promise<void> => eventually(() => expect(ran.at(-1)).toBe(`held${index}`));
    const stateOf = async (index: number): Promise<string | undefined> =>
      (await bundle.reeve.execution(executionId)).steps[index]?.state;
    await atStep(0);
    await bundle.reeve.pauseQueue('tasks');
    gate(0).resolve();
    await eventually(async () => expect(await stateOf(0)).toBe('succeeded'));
    expect(await stateOf(1)).toBe('ready');
    await bundle.reeve.resumeQueue('tasks');
    await atStep(1);
    await bundle.reeve.pause(executionId);
    gate(1).resolve();
    await eventually(async () => expect(await stateOf(1)).toBe('succeeded'));
    expect(await stateOf(2)).not.toBe('running');
    await bundle.reeve.resume(executionId);
    await atStep(2);
    await bundle.reeve.cancel(executionId);
    gate(2).resolve();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'canceled' });
    expect(ran).toEqual(['held0', 'held1', 'held2']);
  });

  it('leaves the next step to another worker when it is told to stop', async () => {
    const { ran, gate, registered, chain } = heldChain();
    await using bundle = await makeBundle(broker, registered);
    const first = await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(chain, { who: 'held' });
    await eventually(() => expect(ran).toEqual(['held0']));
    const stopped = first.stop();
    for (let index = 0; index < length; index += 1) gate(index).resolve();
    expect(await stopped).toBe(0);
    await using other = bundle.another();
    const second = await other.startWorker();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const workers = await bundle.query<{ worker_id: string; attempts: string }>(
      `SELECT worker_id, count(*) AS attempts FROM reeve.attempt GROUP BY worker_id`,
    );
    expect(new Map(workers.map((row) => [row.worker_id, Number(row.attempts)]))).toEqual(
      new Map([
        [first.id, 1],
        [second.id, length - 1],
      ]),
    );
  });

  it('hands results on, those of the step that has just ended included', async () => {
    const one = defineTask({ name: 'one', input: z.number(), run: (n) => ({ n, list: [n, null, 'text "\\ ☃'] }) });
    const both = defineTask({
      name: 'both',
      input: z.object({ first: z.unknown(), second: z.unknown() }),
      run: (input) => input,
    });
    const plan = defineExecutor({
      name: 'results',
      plan: (p) =>
        p
          .run(one, 1)
          .as('first')
          .run(one, 2)
          .run(both, (previous, steps) => ({ first: steps.first, second: previous })),
    });
    await using bundle = await makeBundle(broker, { executors: [plan], tasks: [one, both] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(plan);
    expect(await ended(bundle, executionId)).toMatchObject({
      state: 'succeeded',
      result: { first: { n: 1, list: [1, null, 'text "\\ ☃'] }, second: { n: 2, list: [2, null, 'text "\\ ☃'] } },
    });
  });

  it('waits before the end where the plan ends with a pause', async () => {
    const say = defineTask({ name: 'say', run: () => 'said' });
    const pausing = defineExecutor({ name: 'pausing', plan: (p) => p.run(say, undefined).wait('2s') });
    await using bundle = await makeBundle(broker, { executors: [pausing], tasks: [say] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(pausing);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded' });
    const [row] = await bundle.query<{ ms: number }>(
      `SELECT extract(epoch FROM e.finished_at - s.finished_at)::float8 * 1000 AS ms
       FROM reeve.execution e JOIN reeve.step s ON s.execution_id = e.id AND s.position = 0`,
    );
    expect(row?.ms).toBeGreaterThanOrEqual(2_000);
  });
});
