import { expect, it } from '@jest/globals';
import pg from 'pg';
import { z } from 'zod';
import { defineExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended } from '../support/start.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

const echo = defineTask({ name: 'echo', input: z.number(), run: (n) => n });

describeOnBrokers('a large plan', (broker) => {
  it('a group of 1,000 on four workers calls its callback exactly once, with all results in their order', async () => {
    const calls: number[] = [];
    const sum = defineTask({
      name: 'sum',
      input: z.array(z.number()),
      run: (all) => {
        calls.push(all.length);
        return all.every((value, index) => value === index) ? all.reduce((a, b) => a + b, 0) : -1;
      },
    });
    const wide = defineExecutor({
      name: 'wide',
      plan: (p) =>
        p.chord(
          Array.from({ length: 1_000 }, (_, n) => (q: typeof p) => q.run(echo, n)),
          sum,
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [wide], tasks: [echo, sum] });
    const others = [bundle.another(), bundle.another(), bundle.another()];
    for (const reeve of [bundle.reeve, ...others]) await reeve.startWorker({ queues: { tasks: 10 } });
    const { executionId } = await bundle.reeve.execute(wide);
    expect(await bundle.reeve.result(executionId, { timeout: '60s' })).toMatchObject({
      state: 'succeeded',
      result: 499_500,
    });
    expect(calls).toEqual([1_000]);
    for (const reeve of others) await reeve.close();
  });

  it('a chord in a group in a chain keeps its order', async () => {
    const ran: string[] = [];
    const say = defineTask({
      name: 'say',
      input: z.string(),
      run: (word) => {
        ran.push(word);
        return word;
      },
    });
    const join = defineTask({
      name: 'join',
      input: z.array(z.string()),
      run: (words) => {
        ran.push(`[${words.join('')}]`);
        return words.join('');
      },
    });
    const nested = defineExecutor({
      name: 'nested',
      plan: (p) =>
        p
          .run(say, 'first')
          .group([
            (q) =>
              q
                .chord(
                  ['a', 'b', 'c'].map((word) => (r: typeof q) => r.run(say, word)),
                  join,
                )
                .run(say, (all) => all),
            (q) => q.run(say, 'x').run(say, 'y'),
          ])
          .run(join, ([left, right]) => [left, right]),
    });
    await using bundle = await makeBundle(broker, { executors: [nested], tasks: [say, join] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(nested);
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: 'abcy' });
    expect(ran[0]).toBe('first');
    expect(ran.indexOf('[abc]')).toBeGreaterThan(Math.max(...['a', 'b', 'c'].map((word) => ran.indexOf(word))));
    expect(ran.indexOf('abc')).toBeGreaterThan(ran.indexOf('[abc]'));
    expect(ran.indexOf('y')).toBeGreaterThan(ran.indexOf('x'));
    expect(ran.at(-1)).toBe('[abcy]');
  });

  it('members end while somebody else holds a share of the execution: its row does not put them in a row', async () => {
    const wide = defineExecutor({
      name: 'wide',
      plan: (p) => p.group(Array.from({ length: 50 }, (_, n) => (q: typeof p) => q.run(echo, n))).run(echo, 1),
    });
    await using bundle = await makeBundle(broker, { executors: [wide], tasks: [echo] });
    const { executionId } = await bundle.reeve.execute(wide);
    const client = new pg.Client({ connectionString: bundle.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1 FROM reeve.execution WHERE id = $1 FOR SHARE', [executionId]);
    await bundle.reeve.startWorker({ queues: { tasks: 10 } });
    await eventually(async () => {
      const done = await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'succeeded' AND task = 'echo'`);
      expect(done.length).toBe(50);
    });
    await client.query('COMMIT');
    await client.end();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
  });

  it('of 2,000 steps is scheduled in less than a second', async () => {
    const long = defineExecutor({
      name: 'long',
      input: z.object({ steps: z.number() }),
      plan: (p, { steps }) =>
        p.each(
          Array.from({ length: steps }, (_, n) => n),
          (q, n) => q.run(echo, n),
        ),
    });
    await using bundle = await makeBundle(broker, { executors: [long], tasks: [echo] });
    await bundle.reeve.ready();
    const took: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const startedAt = performance.now();
      const { executionId } = await bundle.reeve.execute(long, { steps: 2_000 });
      took.push(performance.now() - startedAt);
      await bundle.reeve.cancel(executionId);
    }
    const median = took.toSorted((a, b) => a - b)[1] ?? 0;
    process.stdout.write(`2,000 steps scheduled (${broker}): median ${Math.round(median)} ms of 3\n`);
    expect(median).toBeLessThan(withinMs(1_000));
  });
});
