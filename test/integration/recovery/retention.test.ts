import { describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import {
  defineActionExecutor,
  defineExecutor,
  defineReeve,
  defineTask,
  type RetentionOptions,
} from '../../../src/index.ts';
import { makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { ended, volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';

const tick = defineTask({ name: 'tick', run: () => null });
const fail = defineTask({
  name: 'fail',
  run: () => {
    throw new Error('no');
  },
});

/** As if all that has ended had ended so much earlier. */
async function age(bundle: Bundle, interval: string): Promise<void> {
  await bundle.query(
    `UPDATE reeve.execution SET finished_at = finished_at - $1::interval WHERE finished_at IS NOT NULL`,
    [interval],
  );
  await bundle.query(`UPDATE reeve.schedule_fire SET fired_at = fired_at - $1::interval`, [interval]);
  await bundle.query(`UPDATE reeve.event SET at = at - $1::interval`, [interval]);
}

const idsIn = async (bundle: Bundle, table: string): Promise<string[]> =>
  (await bundle.query<{ id: string }>(`SELECT DISTINCT execution_id AS id FROM reeve.${table}`)).map(({ id }) => id);

/** Lets the jobs of another process look once, while this one only holds the bundle. */
async function recoverWith(bundle: Bundle, retention: RetentionOptions | false): Promise<AsyncDisposable> {
  const other = bundle.another({ retention });
  await other.startBeat();
  return { [Symbol.asyncDispose]: () => other.close() };
}

describe('retention', () => {
  it('deletes what ended long ago with all that belongs to it, and keeps the rest', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick, fail], retention: false });
    const worker = await bundle.reeve.startWorker();
    const run = async (task: typeof tick, options = {}) =>
      (await ended(bundle, (await bundle.reeve.execute(task, undefined, options)).executionId)).executionId;
    const old = [await run(tick), await run(tick)];
    const oldFailed = await run(fail);
    const known = await run(tick, { idempotencyKey: 'again' });
    await age(bundle, '40 days');
    const fresh = await run(tick);
    await worker.stop();
    const waiting = await bundle.reeve.execute(tick);
    await using _other = await recoverWith(bundle, {});
    await eventually(async () => {
      const left = (await bundle.reeve.executions()).map(({ id }) => id);
      expect(left.toSorted()).toEqual([oldFailed, known, fresh, waiting.executionId].toSorted());
    });
    expect(old).not.toEqual(expect.arrayContaining([fresh]));
    for (const table of ['step', 'attempt', 'event']) {
      for (const id of old) expect(await idsIn(bundle, table)).not.toContain(id);
    }
    expect(await bundle.reeve.execute(tick, undefined, { idempotencyKey: 'again' })).toEqual({
      executionId: known,
      created: false,
    });
  });

  it('takes children with their parent, and neither while one of them is alive', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    const parent = defineExecutor(volume, {
      name: 'volume.parent',
      facts: ({ id }) => ({ id }),
      plan: (p, _input, { id }) => p.child(rename, id, {}),
    });
    await using bundle = await makeBundle('postgres', { executors: [rename, parent], retention: false });
    const worker = await bundle.reeve.startWorker();
    const start = async () => {
      const { id } = await volumeIn(bundle, 'ok');
      return ended(bundle, (await bundle.reeve.execute(parent, id)).executionId);
    };
    await start();
    const second = await start();
    await worker.stop();
    await age(bundle, '40 days');
    const [child] = await bundle.query<{ id: string }>(`SELECT id FROM reeve.execution WHERE parent_id = $1`, [
      second.executionId,
    ]);
    // Held open by hand: a child that goes on after its parent has ended.
    await bundle.query(`UPDATE reeve.execution SET state = 'running', finished_at = NULL WHERE id = $1`, [child?.id]);
    await using _other = await recoverWith(bundle, {});
    await eventually(async () => expect(await bundle.reeve.executions()).toHaveLength(2));
    const left = (await bundle.reeve.executions()).map(({ id }) => id);
    expect(left).toEqual(expect.arrayContaining([second.executionId, child?.id]));
    await bundle.query(`UPDATE reeve.execution SET state = 'succeeded', finished_at = now() WHERE id = $1`, [
      child?.id,
    ]);
  });

  it('deletes verdicts with their executions, and old ones that started nothing; passes over rows that are held', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick], retention: false });
    const worker = await bundle.reeve.startWorker();
    await bundle.reeve.schedules.create({ name: 'once', target: tick, at: new Date(Date.now() + 400) });
    const hourly = await bundle.reeve.schedules.create({ name: 'hourly', target: tick, every: '1h', catchUp: 'none' });
    await bundle.query(
      `UPDATE reeve.schedule SET next_due_at = next_due_at - interval '150 minutes', created_at = created_at - interval '150 minutes'
       WHERE name = 'hourly'`,
    );
    const beat = await bundle.reeve.startBeat();
    const fires = () => bundle.query<{ verdict: string }>(`SELECT verdict FROM reeve.schedule_fire ORDER BY verdict`);
    await eventually(async () => {
      expect((await fires()).map(({ verdict }) => verdict)).toEqual(['fired', 'missed', 'missed']);
      expect((await bundle.reeve.executions())[0]?.state).toBe('succeeded');
    });
    await beat.stop();
    await worker.stop();
    await bundle.reeve.schedules.pause(hourly.name);
    await age(bundle, '40 days');
    const [execution] = await bundle.reeve.executions();
    const runner = bundle.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.query(`SELECT 1 FROM reeve.execution WHERE id = $1 FOR UPDATE`, [execution?.id]);
    await using _other = await recoverWith(bundle, {});
    await eventually(async () => expect((await fires()).map(({ verdict }) => verdict)).toEqual(['fired']));
    expect(await bundle.reeve.executions()).toHaveLength(1);
    await runner.rollbackTransaction();
    await runner.release();
    await using _third = await recoverWith(bundle, {});
    await eventually(async () => expect(await fires()).toEqual([]));
    expect(await bundle.reeve.executions()).toEqual([]);
  });

  it('deletes thousands in batches, and nothing at all when it is off', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick], retention: false });
    await bundle.reeve.ready();
    await bundle.query(
      `INSERT INTO reeve.execution (id, executor, executor_version, kind, plan_hash, input, facts, state, weight,
         priority, context, created_at, finished_at)
       SELECT gen_random_uuid(), 'tick', 1, 'task', 'x', 'null', '{}', 'succeeded', 'regular', 0, '{}',
         now() - interval '50 days', now() - interval '40 days' FROM generate_series(1, 2000)`,
    );
    const count = async (): Promise<number> => (await bundle.query(`SELECT 1 FROM reeve.execution`)).length;
    {
      await using _off = await recoverWith(bundle, false);
      await using _long = await recoverWith(bundle, { succeeded: '60d' });
      const other = bundle.another({ retention: { succeeded: false } });
      await other.startBeat();
      await other.close();
    }
    expect(await count()).toBe(2_000);
    await using _two = await recoverWith(bundle, {});
    await using _three = await recoverWith(bundle, {});
    await eventually(async () => expect(await count()).toBe(0));
  });

  it('deletes old messages to players in batches, and counts of lines that limit nobody; keeps both when it is off', async () => {
    await using bundle = await makeBundle('postgres', { tasks: [tick], retention: false });
    await bundle.reeve.ready();
    const insert = (count: number, days: number, body: string) =>
      bundle.query(
        `INSERT INTO reeve.moo_message (player_id, kind, body, provenance, created_at)
         SELECT n % 7, 'text', $3, '{}', now() - $2 * interval '1 day' FROM generate_series(1, $1) AS n`,
        [count, days, body],
      );
    await insert(1_234, 31, 'old');
    await insert(3, 29, 'young');
    await bundle.query(
      `INSERT INTO reeve.moo_flood (account_id, window_start, lines)
       VALUES (1, now() - interval '2 hours', 256), (2, now() - interval '5 seconds', 256)`,
    );
    const bodies = async (): Promise<string[]> =>
      (await bundle.query<{ body: string }>(`SELECT DISTINCT body FROM reeve.moo_message ORDER BY 1`)).map(
        (row) => row.body,
      );
    const floods = async (): Promise<number[]> =>
      (await bundle.query<{ id: number }>(`SELECT account_id AS id FROM reeve.moo_flood ORDER BY 1`)).map(
        (row) => row.id,
      );
    {
      await using _off = await recoverWith(bundle, { messages: false });
      await using _long = await recoverWith(bundle, { messages: '60d' });
    }
    expect(await bodies()).toEqual(['old', 'young']);
    await using _one = await recoverWith(bundle, {});
    await eventually(async () => {
      expect(await bodies()).toEqual(['young']);
      expect(await floods()).toEqual([2]);
    });
  });

  it('is refused with an unknown name or a bad age', () => {
    const dataSource = new DataSource({ type: 'postgres' });
    const make = (retention: object) => () => defineReeve({ dataSource, retention });
    expect(make({ sucseeded: '3d' })).toThrow('did you mean "succeeded"?');
    expect(make({ failed: 'a month' })).toThrow('retention.failed is "a month"');
  });
});
