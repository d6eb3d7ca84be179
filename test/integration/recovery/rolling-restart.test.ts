import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { runAlone } from '../../support/alone.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../../support/bundle.ts';
import { callTable, childApp, ThingSchema } from '../../support/child-app.ts';
import { Child } from '../../support/child.ts';

runAlone();

const workers = 4;
const environment = { TEST_CONCURRENCY: '10', TEST_WORK_MS: '150' };

describeOnBrokers('a rolling restart of four worker processes under load', (broker) => {
  it('fails no step, counts no crash and no attempt, and lets no step wait for two seconds because of it', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await using stack = new AsyncDisposableStack();
    stack.defer(() => app.dataSource.destroy());
    stack.defer(() => app.reeve.close());
    await app.dataSource.initialize();
    const crew: Child[] = [];
    for (let index = 0; index < workers; index += 1) {
      crew.push(stack.use(new Child('worker', bundle.url, broker, environment)));
    }
    for (const one of crew) await one.line(60_000);
    const stop = new AbortController();
    const ids: string[] = [];
    const load = (async () => {
      for (let count = 0; !stop.signal.aborted; count += 1) {
        const thing = await app.dataSource.manager.save(ThingSchema, { name: `load ${count}`, state: 'ok' });
        ids.push((await app.reeve.execute(app.worked, thing.id)).executionId);
        await pause(25);
      }
    })();
    const calmWaitMs = await longestWaitDuring(3_000);
    const restarts = (async () => {
      for (const one of crew) {
        const next = stack.use(new Child('worker', bundle.url, broker, environment));
        await next.line(60_000);
        one.kill('SIGTERM');
        await one.exited;
      }
    })();
    const restartedFrom = await now();
    await restarts;
    stop.abort();
    await load;
    for (const id of ids) expect(await app.reeve.result(id, { timeout: '60s' })).toMatchObject({ state: 'succeeded' });
    expect(ids.length).toBeGreaterThan(20);
    const strange = await bundle.query(
      `SELECT outcome FROM reeve.attempt WHERE outcome NOT IN ('succeeded', 'released')
       UNION ALL SELECT 'crashes' FROM reeve.step WHERE crashes > 0 OR attempt > 1`,
    );
    expect(strange).toEqual([]);
    const served = await bundle.query<{ n: number }>(
      `SELECT count(DISTINCT pid)::integer AS n FROM call WHERE pid IS NOT NULL`,
    );
    expect(served[0]?.n).toBeGreaterThan(workers);
    expect(await longestWaitSince(restartedFrom)).toBeLessThan(calmWaitMs + 2_000);

    async function now(): Promise<Date> {
      const rows = await bundle.query<{ at: Date }>(`SELECT clock_timestamp() AS at`);
      return rows[0]?.at ?? new Date();
    }

    /** What the machine alone makes a step wait. */
    async function longestWaitDuring(ms: number): Promise<number> {
      const from = await now();
      await pause(ms);
      return longestWaitSince(from);
    }

    async function longestWaitSince(from: Date): Promise<number> {
      const rows = await bundle.query<{ ms: number | null }>(
        `SELECT max(extract(epoch FROM coalesce(claimed_at, clock_timestamp()) - ready_at) * 1000)::double precision AS ms
         FROM reeve.step WHERE ready_at > $1`,
        [from],
      );
      return rows[0]?.ms ?? 0;
    }
  }, 240_000);
});
