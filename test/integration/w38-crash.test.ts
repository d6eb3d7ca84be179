import { expect, it } from '@jest/globals';
import { callTable, childApp, stages, ThingSchema } from '../support/child-app.ts';
import { Child } from '../support/child.ts';
import { describeOnBrokers, makeBundle, redisUrlOf } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { runAlone } from '../support/alone.ts';
import { withinMs } from '../support/within.ts';

runAlone();

const kinds = ['create', 'update', 'remove'] as const;

describeOnBrokers('W38 a worker is killed', (broker) => {
  it('while it creates, updates and deletes: in a step, between two, in a poll, waiting for a permit; another goes on there', async () => {
    await using bundle = await makeBundle(broker, { entities: [ThingSchema] });
    await bundle.query(callTable);
    const app = childApp(bundle.url, redisUrlOf(broker));
    await app.dataSource.initialize();
    await using first = new Child('worker', bundle.url, broker);
    await first.line();
    const runs: { readonly name: string; readonly executionId: string }[] = [];
    for (const kind of kinds) {
      for (const stage of [...stages, 'throttle'] as const) {
        const name = `${kind} ${stage} ${runs.length}`;
        const state = kind === 'create' ? 'creation_scheduled' : 'ok';
        const thing = await app.dataSource.manager.save(ThingSchema, { name, state });
        const { executionId } = await app.reeve.execute(app.staged[kind], thing.id, { stage });
        runs.push({ name, executionId });
      }
    }
    // Each kind: one in a step, one between two steps, one polling, one with the permit in a step, one that waits for it.
    await eventually(
      async () => {
        const states = await bundle.query<{ state: string; waiting_for: string | null; task: string }>(
          `SELECT s.state, s.waiting_for, s.task FROM reeve.step s JOIN reeve.execution e ON e.id = s.execution_id
           WHERE e.active AND s.position > 0 AND s.state IN ('running', 'waiting', 'delayed', 'ready')`,
        );
        const count = (test: (row: { state: string; task: string }) => boolean): number => states.filter(test).length;
        expect(count(({ state }) => state === 'running')).toBeGreaterThanOrEqual(6);
        expect(count(({ state }) => state === 'waiting')).toBe(3);
        expect(count(({ task }) => task === 'reeve.poll')).toBe(3);
        // A step that runs may not have called anything yet.
        expect(await bundle.query(`SELECT 1 FROM call WHERE method = 'slow'`)).toHaveLength(6);
      },
      { timeoutMs: 60_000 },
    );
    first.kill('SIGKILL');
    await first.exited;
    const killedAt = performance.now();
    await using second = new Child('worker', bundle.url, broker);
    await second.line();
    for (const { name } of runs) await bundle.query(`INSERT INTO call (method, name) VALUES ('go on', $1)`, [name]);
    for (const { executionId } of runs) {
      expect(await app.reeve.result(executionId, { timeout: '90s' })).toMatchObject({ state: 'succeeded' });
    }
    expect(performance.now() - killedAt).toBeLessThan(withinMs(30_000));
    const left = await bundle.query<{ state: string }>(`SELECT state FROM thing`);
    expect(left.map((row) => row.state)).toEqual(Array.from({ length: 10 }, () => 'ok'));
    const calls = await bundle.query<{ name: string; key: string; pids: number; fences: number; calls: number }>(
      `SELECT name, key, count(DISTINCT pid)::integer AS pids, count(DISTINCT fence)::integer AS fences,
         count(*)::integer AS calls FROM call WHERE pid IS NOT NULL GROUP BY name, key`,
    );
    const repeated = calls.filter((call) => call.calls > 1);
    expect(repeated.length).toBeGreaterThanOrEqual(6);
    for (const call of repeated) expect(call.fences).toBe(call.calls);
    for (const { name, executionId } of runs) {
      const keys = calls.filter((call) => call.name === name).map((call) => call.key);
      for (const key of keys) expect(key.startsWith(`${executionId}:`)).toBe(true);
    }
    await app.reeve.close();
    await app.dataSource.destroy();
  });
});
