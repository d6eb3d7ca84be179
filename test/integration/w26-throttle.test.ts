import { expect, it } from '@jest/globals';
import { callTable, childApp, ThingSchema } from '../support/child-app.ts';
import { Child } from '../support/child.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

const workMs = 3_000;

describeOnBrokers('W26 twelve creates at limit 4 with twelve workers in three processes', (broker) => {
  it('never run more than four at once by the log of the backend, start in order, and take hardly longer than they must', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await app.dataSource.initialize();
    const environment = { TEST_WORK_MS: String(workMs), TEST_CONCURRENCY: '4' };
    await using one = new Child('worker', bundle.url, broker, environment);
    await using two = new Child('worker', bundle.url, broker, environment);
    await using three = new Child('worker', bundle.url, broker, environment);
    await Promise.all([one.line(), two.line(), three.line()]);
    await app.reeve.ready();
    const names = Array.from({ length: 12 }, (_, index) => `t${String(index).padStart(2, '0')}`);
    const startedAt = performance.now();
    const ids: string[] = [];
    for (const name of names) {
      const thing = await app.dataSource.manager.save(ThingSchema, { name });
      ids.push((await app.reeve.execute(app.provision, thing)).executionId);
    }
    for (const id of ids) expect((await app.reeve.result(id, { timeout: '60s' })).state).toBe('succeeded');
    const totalMs = performance.now() - startedAt;
    const most = await bundle.query<{ most: number }>(
      `SELECT max(busy)::integer AS most FROM (
         SELECT sum(CASE method WHEN 'work' THEN 1 ELSE -1 END) OVER (ORDER BY at, id) AS busy
         FROM call WHERE method IN ('work', 'worked')) AS load`,
    );
    const order = await bundle.query<{ name: string }>(`SELECT name FROM call WHERE method = 'work' ORDER BY id`);
    const admitted = await bundle.query<{ name: string }>(
      `SELECT t.name FROM reeve.step s JOIN reeve.execution e ON e.id = s.execution_id
       JOIN thing t ON t.id::text = e.resource_id WHERE s.task = 'reeve.permit' ORDER BY s.finished_at, s.execution_id`,
    );
    await app.reeve.close();
    await app.dataSource.destroy();
    process.stdout.write(
      `W26 (${broker}): ${Math.round(totalMs)} ms of ${3 * workMs} ms, at most ${most[0]?.most} at once\n`,
    );
    expect(most).toEqual([{ most: 4 }]);
    expect(admitted.map((row) => row.name)).toEqual(names);
    for (const start of [0, 4, 8]) {
      expect(
        order
          .slice(start, start + 4)
          .map((row) => row.name)
          .toSorted(),
      ).toEqual(names.slice(start, start + 4));
    }
    expect(totalMs).toBeLessThan(9_000 + withinMs(2_000));
  });
});
