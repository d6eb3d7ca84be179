import { expect, it } from '@jest/globals';
import { defineExecutor, defineTask } from '../../../src/index.ts';
import { runAlone } from '../../support/alone.ts';
import { wipeBroker } from '../../support/broker-jobs.ts';
import { describeOnBrokers, makeBundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { quickTiming } from '../../support/quick-timing.ts';

runAlone();

const chains = 1_000;
const stepsEach = 2;

describeOnBrokers('a broker that is wiped in the middle of 1,000 running chains', (broker) => {
  it('loses none of them, and no step of them is done twice', async () => {
    const done = new Map<string, number>();
    const note = defineTask({
      name: 'note',
      run: (_input, { idempotencyKey: key }) => {
        done.set(key, (done.get(key) ?? 0) + 1);
      },
    });
    const chain = defineExecutor({ name: 'chain', plan: (p) => p.run(note).run(note) });
    // A lease that no machine is too slow for: nobody is to be taken for dead here.
    const timing = { ...quickTiming, lease: '60s', heartbeat: '5s' } as const;
    await using bundle = await makeBundle(broker, { executors: [chain], tasks: [note], timing });
    const ids: string[] = [];
    for (let start = 0; start < chains; start += 50) {
      const some = Array.from({ length: 50 }, () => bundle.reeve.execute(chain));
      ids.push(...(await Promise.all(some)).map(({ executionId }) => executionId));
    }
    await bundle.reeve.startWorker({ queues: { tasks: 20 } });
    for (const share of [0.2, 0.5, 0.8]) {
      await eventually(() => expect(done.size).toBeGreaterThan(chains * stepsEach * share), { timeoutMs: 120_000 });
      await wipeBroker(bundle, broker);
    }
    const ofChains = `FROM reeve.execution WHERE executor = 'chain'`;
    await eventually(async () => expect(await bundle.query(`SELECT 1 ${ofChains} AND active LIMIT 1`)).toEqual([]), {
      timeoutMs: 120_000,
      pauseMs: 250,
    });
    const ended = await bundle.query(`SELECT state, count(*)::integer AS n ${ofChains} GROUP BY state`);
    expect(ended).toEqual([{ state: 'succeeded', n: chains }]);
    expect(new Set(ids).size).toBe(chains);
    expect(done.size).toBe(chains * stepsEach);
    expect([...done.values()].filter((times) => times !== 1)).toEqual([]);
    const attempts = await bundle.query(`SELECT outcome, count(*)::integer AS n FROM reeve.attempt GROUP BY outcome`);
    expect(attempts).toEqual([{ outcome: 'succeeded', n: chains * stepsEach }]);
  }, 400_000);
});
