import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { chain, defineExecutor, defineTask, defineThrottle, signature } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';

const double = defineTask({ name: 'double', input: z.object({ n: z.number() }), run: ({ n }) => n * 2 });

describeOnBrokers('bare tasks outside a transaction', (broker) => {
  it('that are started at once share a statement, and each runs once with its own input and options', async () => {
    await using bundle = await makeBundle(broker, { tasks: [double] });
    const { reeve } = bundle;
    await reeve.startWorker();
    const started = await Promise.all(
      Array.from({ length: 60 }, (_, n) => reeve.execute(double, { n }, { context: { n }, priority: n % 3 })),
    );
    expect(new Set(started.map(({ executionId }) => executionId)).size).toBe(60);
    expect(started.every(({ created }) => created)).toBe(true);
    const outcomes = await Promise.all(started.map(({ executionId }) => reeve.result(executionId)));
    expect(outcomes.map(({ result }) => result)).toEqual(started.map((_, n) => n * 2));
    const rows = await bundle.query<{ transactions: number; n: number }>(
      `SELECT count(DISTINCT xmin::text)::int AS transactions, count(*)::int AS n FROM reeve.event
       WHERE kind = 'execution.scheduled'`,
    );
    // They are asked for in one turn of the event loop; their plans are made in a few.
    expect(rows[0]?.n).toBe(60);
    expect(rows[0]?.transactions).toBeLessThan(10);
    const stored = await bundle.query<{ n: number; priority: number }>(
      `SELECT (context->>'n')::int AS n, priority FROM reeve.execution ORDER BY 1`,
    );
    expect(stored).toEqual(started.map((_, n) => ({ n, priority: n % 3 })));
  });

  it('of which the database refuses one: the others are started', async () => {
    await using bundle = await makeBundle(broker, { tasks: [double] });
    const { reeve } = bundle;
    await reeve.startWorker();
    await bundle.query(
      `ALTER TABLE reeve.execution ADD CONSTRAINT not_seven CHECK (context->>'n' IS DISTINCT FROM '7')`,
    );
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => reeve.execute(double, { n }, { context: { n } })),
    );
    expect(settled.map(({ status }) => status)).toEqual(settled.map((_, n) => (n === 7 ? 'rejected' : 'fulfilled')));
    const ids = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value.executionId] : []));
    for (const id of ids) expect((await reeve.result(id)).state).toBe('succeeded');
    expect(await reeve.executions()).toHaveLength(9);
  });

  it('wait for their countdown, for a queue that is paused, and keep a repeated request apart by its key', async () => {
    await using bundle = await makeBundle(broker, { tasks: [double] });
    const { reeve } = bundle;
    await reeve.startWorker();
    const stateOf = async (id: string): Promise<unknown> => (await reeve.execution(id)).steps[0]?.state;
    const later = await reeve.execute(double, { n: 1 }, { countdown: '1h' });
    expect(await stateOf(later.executionId)).toBe('delayed');
    await reeve.pauseQueue('tasks');
    const paused = await reeve.execute(double, { n: 2 });
    const first = await reeve.execute(double, { n: 3 }, { idempotencyKey: 'three' });
    const again = await reeve.execute(double, { n: 3 }, { idempotencyKey: 'three' });
    expect(again).toEqual({ executionId: first.executionId, created: false });
    expect(await stateOf(paused.executionId)).toBe('ready');
    await reeve.resumeQueue('tasks');
    expect((await reeve.result(paused.executionId)).result).toBe(4);
    expect((await reeve.result(first.executionId)).result).toBe(6);
    const chained = await reeve.execute(chain(signature(double, { n: 1 }), signature(double, { n: 2 })));
    expect((await reeve.result(chained.executionId)).result).toBe(4);
    await eventually(async () => expect(await reeve.executions({ state: 'running' })).toHaveLength(1));
  });

  it('are refused as before: unknown options and wrong input are told before anything is stored', async () => {
    await using bundle = await makeBundle(broker, { tasks: [double] });
    const { reeve } = bundle;
    await expect(reeve.execute(double, { n: 1 }, { prority: 1 } as object)).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    await expect(reeve.result('01a1fee9-ba7a-731e-ba20-a566e4784b0c')).rejects.toMatchObject({
      code: 'EXECUTION_NOT_FOUND',
    });
    await expect(reeve.result('nonsense')).rejects.toMatchObject({ code: 'EXECUTION_NOT_FOUND' });
    expect(await reeve.executions()).toEqual([]);
  });

  it('are joined by executors that own nothing: with their checked input, deadline and kind', async () => {
    const say = defineTask({ name: 'say', input: z.object({ word: z.string() }), run: ({ word }) => word });
    const speak = defineExecutor({
      name: 'speak',
      input: z.object({ word: z.string().default('hello') }),
      deadline: '1h',
      plan: (p, { word }) => p.run(say, { word: `${word}!` }).run(say, { word: 'end' }),
    });
    const one = defineThrottle({ name: 'one', limit: 1 });
    const queued = defineExecutor({
      name: 'queued',
      plan: (p) => p.throttled(one, (q) => q.run(say, { word: 'mine' })),
    });
    await using bundle = await makeBundle(broker, { executors: [speak, queued], tasks: [say] });
    const { reeve } = bundle;
    await reeve.startWorker();
    const ids = [(await reeve.execute(speak, {})).executionId, (await reeve.execute(queued)).executionId];
    for (const id of ids) expect((await reeve.result(id)).state).toBe('succeeded');
    const [row] = await bundle.query(
      `SELECT kind, input, facts, deadline_at - created_at BETWEEN interval '59 minutes' AND interval '61 minutes' AS hour FROM reeve.execution WHERE id = $1`,
      [ids[0]],
    );
    expect(row).toEqual({
      kind: 'plain',
      input: { word: 'hello' },
      facts: { facts: null, changed: [] },
      hour: true,
    });
    const { steps } = await reeve.execution(ids[0] ?? '');
    expect(steps.map(({ result }) => result).slice(0, 2)).toEqual(['hello!', 'end']);
    await expect(reeve.execute(speak, { word: 7 } as never)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });
});
