import { expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  defineActionExecutor,
  defineBackgroundTask,
  defineExecutor,
  defineTask,
  defineThrottle,
} from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources, Volume } from '../support/volume.ts';

const none = defineTask({ name: 'none', run: () => null });
const double = defineTask({ name: 'double', input: z.object({ n: z.number() }), run: ({ n }) => 2 * n });
const report = defineExecutor({
  name: 'report',
  input: z.object({ n: z.number() }),
  plan: (p, { n }) => p.run(none).run(double, { n }),
});

const counts = async (bundle: Bundle): Promise<unknown[]> =>
  bundle.query(`SELECT (SELECT count(*)::integer FROM reeve.execution) AS executions,
    (SELECT count(*)::integer FROM reeve.step) AS steps, (SELECT count(*)::integer FROM reeve.event) AS events`);

describeOnBrokers('many operations in one transaction', (broker) => {
  it('are stored by few statements, and run after the commit, each with its own input', async () => {
    await using bundle = await makeBundle(broker, { tasks: [none, double], executors: [report] });
    const statements: string[] = [];
    const started = await bundle.dataSource.transaction(async (manager) => {
      const { queryRunner } = manager;
      const query = queryRunner?.query.bind(queryRunner);
      if (queryRunner !== undefined && query !== undefined) {
        queryRunner.query = async (text: string, ...rest: never[]) => {
          statements.push(text);
          return query(text, ...rest) as Promise<never>;
        };
      }
      return bundle.reeve.in(manager).executeMany(
        report,
        Array.from({ length: 2_000 }, (_, n) => [{ n }, { context: { n } }]),
      );
    });
    expect(started).toHaveLength(2_000);
    expect(started.every(({ created }) => created)).toBe(true);
    expect(await counts(bundle)).toEqual([{ executions: 2_000, steps: 6_000, events: 2_000 }]);
    expect(statements.length).toBeLessThan(15);
    await bundle.reeve.startWorker();
    for (const n of [0, 1_234, 1_999]) {
      expect(await ended(bundle, started[n]?.executionId ?? '')).toMatchObject({ state: 'succeeded' });
      expect(await bundle.reeve.result(started[n]?.executionId ?? '')).toMatchObject({ result: 2 * n });
      const [row] = await bundle.query<{ context: object }>(
        `SELECT context FROM reeve.execution WHERE id = '${started[n]?.executionId}'`,
      );
      expect(row?.context).toMatchObject({ n });
    }
  });

  it('stand in line in the order of the list, also where some of them have keys', async () => {
    const closed = defineThrottle({ name: 'closed', limit: 0 });
    const throttled = defineExecutor({
      name: 'throttled',
      input: z.object({ n: z.number() }),
      plan: (p) => p.throttled(closed, (q) => q.run(none)),
    });
    await using bundle = await makeBundle(broker, { tasks: [none], executors: [throttled] });
    const started = await bundle.dataSource.transaction((manager) =>
      bundle.reeve
        .in(manager)
        .executeMany(throttled, [[{ n: 1 }], [{ n: 2 }, { idempotencyKey: 'second' }], [{ n: 3 }], [{ n: 4 }]]),
    );
    const line = await bundle.query<{ id: string }>(`SELECT execution_id AS id FROM reeve.permit ORDER BY place`);
    expect(line.map(({ id }) => id)).toEqual(started.map(({ executionId }) => executionId));
    for (const { executionId } of started) await bundle.reeve.cancel(executionId);
  });

  it('leave nothing when the transaction is rolled back', async () => {
    await using bundle = await makeBundle(broker, { tasks: [none, double], executors: [report] });
    const failed = bundle.dataSource.transaction(async (manager) => {
      await bundle.reeve.in(manager).executeMany(report, [[{ n: 1 }], [{ n: 2 }]]);
      throw new Error('on second thoughts');
    });
    await expect(failed).rejects.toThrow('on second thoughts');
    expect(await counts(bundle)).toEqual([{ executions: 0, steps: 0, events: 0 }]);
  });

  it('on resources are all or none: the refusal says which one, and the caller may go on', async () => {
    const { volume } = testResources(new Outside());
    const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.call('rename') });
    await using bundle = await makeBundle(broker, { executors: [rename] });
    const [free, busy, other] = [
      await volumeIn(bundle, 'ok'),
      await volumeIn(bundle, 'creation_scheduled'),
      await volumeIn(bundle, 'ok'),
    ];
    await bundle.dataSource.transaction(async (manager) => {
      const many = bundle.reeve.in(manager).executeMany(rename, [[free], [busy], [other]]);
      await expect(many).rejects.toMatchObject({
        code: 'RESOURCE_BUSY',
        message: expect.stringMatching(/^request 2 of 3: .*creation_scheduled/s),
        details: { index: 1 },
      });
      await manager.save(Volume, { name: 'still possible' });
    });
    expect(await counts(bundle)).toEqual([{ executions: 0, steps: 0, events: 0 }]);
    expect(await readVolume(bundle, free.id)).toMatchObject({ state: 'ok', executionId: null });
    expect(await bundle.query(`SELECT 1 FROM volume WHERE name = 'still possible'`)).toHaveLength(1);
    const started = await bundle.dataSource.transaction(async (manager) =>
      bundle.reeve.in(manager).executeMany(rename, [[free], [other.id]]),
    );
    expect(await readVolume(bundle, other.id)).toMatchObject({ executionId: started[1]?.executionId });
    await bundle.reeve.startWorker();
    for (const { executionId } of started) expect((await ended(bundle, executionId)).state).toBe('succeeded');
  });

  it('of a background task with one key are one: the others are answered with it', async () => {
    const pull = defineBackgroundTask({
      name: 'pull',
      input: z.object({ server: z.string() }),
      key: ({ server }) => server,
      run: () => null,
    });
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const [first, second, third] = await bundle.dataSource.transaction(async (manager) =>
      bundle.reeve.in(manager).executeMany(pull, [[{ server: 'a' }], [{ server: 'a' }], [{ server: 'b' }]]),
    );
    expect(second).toEqual({ executionId: first?.executionId, created: false });
    expect(third).toMatchObject({ created: true });
  });

  it('with an input that does not fit, or without a list, are refused and say what was wrong', async () => {
    await using bundle = await makeBundle(broker, { tasks: [none, double], executors: [report] });
    await bundle.dataSource.transaction(async (manager) => {
      const many = bundle.reeve.in(manager);
      await expect(many.executeMany(report, [[{ n: 1 }], [{ n: 'two' as never }]])).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: expect.stringContaining('request 2 of 2'),
      });
      await expect(many.executeMany(report, [{ n: 1 }] as never)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: expect.stringContaining('[[volume, input], [other, input]]'),
      });
      expect(await many.executeMany(report, [])).toEqual([]);
    });
    expect(await counts(bundle)).toEqual([{ executions: 0, steps: 0, events: 0 }]);
  });
});
