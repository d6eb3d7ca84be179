import { describe, expect, it } from '@jest/globals';
import { createLogger } from '../../../src/index.ts';
import type { Connection } from '../../../src/executions/connection.ts';
import { StuckCheck } from '../../../src/recovery/stuck-check.ts';
import { makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';

const stuckEvents = (bundle: Bundle): Promise<{ data: { invariant: string; what: string; row: object } }[]> =>
  bundle.query(`SELECT data FROM reeve.event WHERE kind = 'recovery.stuck' ORDER BY id`);

describe('the stuck check', () => {
  it('of a beat tells of a resource that nothing will move any more, and leaves it as it is', async () => {
    const { volume } = testResources(new Outside());
    await using bundle = await makeBundle('postgres', { resources: [volume] });
    const { id } = await volumeIn(bundle, 'updating');
    await volumeIn(bundle, 'ok');
    await bundle.reeve.startBeat();
    await eventually(async () => {
      expect(await stuckEvents(bundle)).toMatchObject([
        { data: { invariant: 'I1', what: 'a test.volume is in a transient state without a live owner', row: { id } } },
      ]);
    });
    expect(await bundle.query(`SELECT state FROM volume WHERE id = $1`, [id])).toEqual([{ state: 'updating' }]);
    await bundle.query(`UPDATE volume SET state = 'ok' WHERE id = $1`, [id]);
  });

  it('tells the same only once a day, whoever looks, and of live executions without an open step', async () => {
    await using bundle = await makeBundle('postgres');
    await bundle.reeve.ready();
    await bundle.query(
      `INSERT INTO reeve.execution (id, executor, executor_version, kind, plan_hash, input, facts, state, weight,
         priority, context, created_at)
       VALUES (gen_random_uuid(), 'by hand', 1, 'task', 'x', 'null', '{}', 'running', 'regular', 0, '{}', now())`,
    );
    let told = 0;
    const query: Connection['query'] = async (text, params = []) => {
      const rows = await bundle.query<never>(text, [...params]);
      if (text.includes('recovery.stuck')) told += 1;
      return { rows, count: rows.length };
    };
    const connection = { schema: 'reeve', query };
    const logger = createLogger('silent');
    const checks = [1, 2].map(() => new StuckCheck({ connection, resources: [], logger, intervalMs: 20 }));
    for (const check of checks) check.start();
    await eventually(() => expect(told).toBeGreaterThan(5));
    for (const check of checks) await check.stop();
    expect((await stuckEvents(bundle)).map(({ data }) => data)).toEqual([
      expect.objectContaining({ invariant: 'I2', what: expect.stringContaining('a live execution has no step') }),
    ]);
    await bundle.query(`UPDATE reeve.event SET at = at - interval '25 hours'`);
    const later = new StuckCheck({ connection, resources: [], logger, intervalMs: 60_000 });
    later.start();
    await eventually(async () => expect(await stuckEvents(bundle)).toHaveLength(2));
    await later.stop();
    await bundle.query(`DELETE FROM reeve.execution`);
  });
});
