import { expect, it } from '@jest/globals';
import { runAlone } from '../support/alone.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { Child } from '../support/child.ts';
import { callTable, childApp, ThingSchema } from '../support/child-app.ts';

runAlone();

describeOnBrokers('a step that kills every process that runs it', (broker) => {
  it('is given up after three deaths, the last one alone, and what ran beside it goes on', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    const started = [
      await app.reeve.execute(app.neighbour),
      await app.reeve.execute(app.neighbour),
      await app.reeve.execute(app.poison),
    ];
    const ids = started.map(({ executionId }) => executionId);
    let deaths = 0;
    for (; deaths < 3; deaths += 1) {
      await using worker = new Child('worker', bundle.url, broker, { TEST_CONCURRENCY: '3' });
      await worker.line();
      if (deaths === 2) await bundle.query(`INSERT INTO call (method) VALUES ('go on')`);
      await worker.exited;
    }
    await using last = new Child('worker', bundle.url, broker, { TEST_CONCURRENCY: '3' });
    await last.line();
    const outcomes = await Promise.all(ids.map((id) => app.reeve.result(id, { timeout: '60s' })));
    expect(outcomes).toMatchObject([
      { state: 'succeeded', result: 'survived' },
      { state: 'succeeded', result: 'survived' },
      { state: 'failed', error: { code: 'TASK_CRASHED', message: expect.stringContaining('nothing else ran in it') } },
    ]);
    const steps = await bundle.query<{ crashes: number; task: string }>(
      `SELECT s.task, s.crashes FROM reeve.step s WHERE s.kind = 'task' ORDER BY s.task`,
    );
    expect(steps).toEqual([
      { task: 'neighbour', crashes: 2 },
      { task: 'neighbour', crashes: 2 },
      { task: 'poison', crashes: 2 },
    ]);
    const poisoned = await bundle.query<{ pid: number }>(`SELECT pid FROM call WHERE method = 'poison'`);
    expect(new Set(poisoned.map(({ pid }) => pid)).size).toBe(3);
    await app.reeve.close();
    await app.dataSource.destroy();
  }, 90_000);
});
