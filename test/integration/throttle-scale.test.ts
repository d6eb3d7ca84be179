import { expect, it, jest } from '@jest/globals';
import { defineExecutor, defineTask, defineThrottle } from '../../src/index.ts';
import { LedgerPool } from '../../src/executions/ledger-pool.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended } from '../support/start.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

function narrow() {
  const ran: string[] = [];
  const gate = { open: Promise.withResolvers<void>() };
  const one = defineThrottle({ name: 'one', limit: 1 });
  const work = defineTask({
    name: 'work',
    run: async (_input, context) => {
      ran.push(context.executionId);
      await gate.open.promise;
    },
  });
  const throttled = defineExecutor({ name: 'throttled', plan: (p) => p.throttled(one as never, (q) => q.run(work)) });
  return { ran, gate, executors: [throttled], tasks: [work], throttled };
}

const waiting = async (bundle: Bundle): Promise<number> => {
  const [row] = await bundle.query<{ count: number }>(
    `SELECT count(*)::integer AS count FROM reeve.permit WHERE NOT held`,
  );
  return row?.count ?? 0;
};

describeOnBrokers('a thousand waiters on one key', (broker) => {
  it('ask for nothing while they wait, and each hand-over takes less than 50 ms', async () => {
    const { ran, gate, throttled, ...app } = narrow();
    await using bundle = await makeBundle(broker, app);
    await bundle.reeve.startWorker({ queues: { tasks: 10 } });
    const first = await bundle.reeve.execute(throttled);
    await eventually(() => expect(ran).toEqual([first.executionId]));
    const few = await statementsIn(2_000);
    await bundle.dataSource.transaction(async (manager) => {
      for (let index = 0; index < 1_000; index += 1) await bundle.reeve.in(manager).execute(throttled);
    });
    await eventually(async () => expect(await waiting(bundle)).toBe(1_000));
    const many = await statementsIn(2_000);
    expect(ran).toHaveLength(1);
    gate.open.resolve();
    await eventually(() => expect(ran.length).toBeGreaterThan(100), { timeoutMs: 90_000 });
    await bundle.reeve.throttles.set('one', { limit: 0 });
    const handed = await bundle.query<{ median: number; count: number }>(
      `SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS median, count(*)::integer AS count FROM (
         SELECT extract(epoch FROM claimed_at - lag(finished_at) OVER (ORDER BY claimed_at)) * 1000 AS ms
         FROM reeve.step WHERE task = 'work' AND claimed_at IS NOT NULL) AS gap WHERE ms IS NOT NULL`,
    );
    process.stdout.write(
      `hand-over (${broker}): median ${handed[0]?.median.toFixed(1)} ms of ${handed[0]?.count}; statements in 2 s: ${few} with nobody waiting, ${many} with 1,000\n`,
    );
    expect(handed[0]?.median).toBeLessThan(withinMs(50));
    expect(many).toBeLessThan(few * 1.5 + 20);
    await eventually(async () => {
      expect(await bundle.query(`SELECT 1 FROM reeve.step WHERE state = 'running'`)).toEqual([]);
    });
    const order = await bundle.query<{ id: string }>(`SELECT id FROM reeve.execution ORDER BY id`);
    expect(ran).toEqual(order.slice(0, ran.length).map((row) => row.id));
  });

  it('a transaction that has scheduled throttled work and stays open holds nobody else on that key up', async () => {
    const { ran, gate, throttled, ...app } = narrow();
    gate.open.resolve();
    await using bundle = await makeBundle(broker, app);
    await bundle.reeve.startWorker();
    let late = '';
    await bundle.dataSource.transaction(async (manager) => {
      late = (await bundle.reeve.in(manager).execute(throttled)).executionId;
      for (let index = 0; index < 3; index += 1) {
        const { executionId } = await bundle.reeve.execute(throttled);
        expect((await ended(bundle, executionId)).state).toBe('succeeded');
      }
      expect(ran).not.toContain(late);
    });
    expect((await ended(bundle, late)).state).toBe('succeeded');
  });
});

/** How many statements the ledger pools of this process send in a while. */
async function statementsIn(ms: number): Promise<number> {
  const spy = jest.spyOn(LedgerPool.prototype, 'query');
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
  const count = spy.mock.calls.length;
  spy.mockRestore();
  return count;
}
