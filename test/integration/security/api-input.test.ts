import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineBackgroundTask, defineTask, isReeveError } from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../../support/start.ts';
import { Outside, testResources } from '../../support/volume.ts';

const echo = defineTask({ name: 'echo', input: z.json(), run: (input) => input });

async function rowsOf(bundle: Bundle): Promise<number> {
  const rows = await bundle.query(
    `SELECT id::text FROM reeve.execution UNION ALL SELECT task FROM reeve.step UNION ALL SELECT kind FROM reeve.event`,
  );
  return rows.length;
}

const strangeIds: readonly unknown[] = [
  '1',
  1.5,
  '0x1',
  '1 ',
  2 ** 63,
  -1,
  '',
  null,
  undefined,
  { id: undefined },
  { $ne: 1 },
  ['01900000-0000-7000-8000-000000000000'],
  "' OR true; --",
  '01900000-0000-7000-8000-000000000000\u0000',
];

describeOnBrokers('Z05 ids and numbers that are none', (broker) => {
  it('are refused with a code wherever an id is asked for, and change nothing', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename], tasks: [echo] });
    const { reeve } = bundle;
    const row = await volumeIn(bundle, 'ok');
    await reeve.execute(rename, row);
    const before = await rowsOf(bundle);
    for (const id of strangeIds as readonly string[]) {
      const attempts: Record<string, () => Promise<unknown>> = {
        execution: () => reeve.execution(id),
        result: () => reeve.result(id, { timeout: '1s' }),
        cancel: () => reeve.cancel(id, { by: 'z05' }),
        retry: () => reeve.retry(id, { by: 'z05' }),
        pause: () => reeve.pause(id),
        execute: () => reeve.execute(rename, id),
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        const error = await attempt().then(
          () => 'it was taken',
          (thrown: unknown) => thrown,
        );
        expect([name, id, isReeveError(error) ? 'a code' : error]).toEqual([name, id, 'a code']);
      }
    }
    expect(await rowsOf(bundle)).toBe(before);
    expect(await readVolume(bundle, row.id)).toMatchObject({ state: 'update_scheduled' });
  });

  it('are kept as JSON keeps them, or refused', async () => {
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(echo, { zero: -0, large: 2 ** 53, small: 5e-324, text: '1.0' });
    const outcome = await ended(bundle, executionId);
    expect(outcome.result).toEqual({ zero: 0, large: 2 ** 53, small: 5e-324, text: '1.0' });
    await expect(bundle.reeve.execute(echo, { n: JSON.parse('1e400') as number })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
  });
});

describeOnBrokers('Z07 what nobody has registered', (broker) => {
  it('is refused when it is asked for, not when it would run', async () => {
    const { volume } = testResources(new Outside());
    const unknown = defineActionExecutor(volume, { name: 'volume.unknown', plan: (p) => p.call('rename') });
    const lost = defineTask({ name: 'lost', run: () => null });
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    const row = await volumeIn(bundle, 'ok');
    const before = await rowsOf(bundle);
    await expect(bundle.reeve.execute(unknown, row)).rejects.toMatchObject({ code: 'EXECUTOR_UNKNOWN' });
    await expect(bundle.reeve.execute(lost)).rejects.toMatchObject({ code: 'TASK_UNKNOWN' });
    await expect(bundle.reeve.pauseQueue('nowhere' as 'tasks', { by: 'z07' })).rejects.toMatchObject({
      code: 'QUEUE_UNKNOWN',
    });
    await expect(bundle.reeve.startWorker({ queues: ['nowhere'] })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
    expect(await rowsOf(bundle)).toBe(before);
  });
});

describeOnBrokers('Z15 rows that somebody has edited by hand', (broker) => {
  it('cannot be stored where they make no sense, and otherwise fail their own step and no other', async () => {
    const strict = defineTask({ name: 'strict', input: z.object({ n: z.number() }), run: ({ n }) => n });
    await using bundle = await makeBundle(broker, { tasks: [strict] });
    const edited = await bundle.reeve.execute(strict, { n: 1 });
    const good = await bundle.reeve.execute(strict, { n: 2 });
    const refused = [
      `UPDATE reeve.step SET state = 'no such state'`,
      `UPDATE reeve.execution SET state = 'no such state'`,
      `UPDATE reeve.step SET state = 'running'`,
      `UPDATE reeve.step SET state = 'failed', finished_at = now()`,
      `UPDATE reeve.step SET execution_id = '01900000-0000-7000-8000-000000000000'`,
    ];
    for (const sql of refused) await expect(bundle.query(sql)).rejects.toThrow(/violates/);
    await bundle.query(`UPDATE reeve.step SET args = '"no object"' WHERE execution_id = $1`, [edited.executionId]);
    await bundle.reeve.startWorker();
    const outcome = await ended(bundle, edited.executionId);
    expect(outcome.state).toBe('failed');
    expect(outcome.error?.message).toMatch(/strict/);
    expect(await ended(bundle, good.executionId)).toMatchObject({ state: 'succeeded', result: 2 });
  });
});

describeOnBrokers('Z17 fifty requests at once', (broker) => {
  const many = 50;
  const all = <T>(start: () => Promise<T>) => Promise.allSettled(Array.from({ length: many }, start));

  it('with one idempotency key start one execution, and all get its id', async () => {
    await using bundle = await makeBundle(broker, { tasks: [echo] });
    const answers = await all(() => bundle.reeve.execute(echo, 1, { idempotencyKey: 'once' }));
    const values = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
    expect(values.filter((value) => value?.created === true)).toHaveLength(1);
    expect(new Set(values.map((value) => value?.executionId)).size).toBe(1);
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toHaveLength(1);
  });

  it('for one background task start one, and the others are told which', async () => {
    const tidy = defineBackgroundTask({
      name: 'tidy',
      input: z.object({ what: z.string() }),
      key: ({ what }) => what,
      run: () => undefined,
    });
    await using bundle = await makeBundle(broker, { tasks: [tidy] });
    const answers = await all(() => bundle.reeve.execute(tidy, { what: 'same' }));
    const values = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : undefined));
    expect(values.filter((value) => value?.created === true)).toHaveLength(1);
    expect(new Set(values.map((value) => value?.executionId)).size).toBe(1);
  });

  it('for one resource start one operation, and the others are refused as busy', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const row = await volumeIn(bundle, 'ok');
    const answers = await all(() => bundle.reeve.execute(rename, row));
    const codes = answers.map((answer) =>
      answer.status === 'fulfilled' ? 'started' : (answer.reason as { code?: string }).code,
    );
    expect(codes.filter((code) => code === 'started')).toHaveLength(1);
    expect(codes.filter((code) => code === 'RESOURCE_BUSY' || code === 'BUSY')).toHaveLength(many - 1);
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toHaveLength(1);
  });
});
