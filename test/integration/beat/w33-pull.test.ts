import { expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import {
  backendUnavailable,
  defineActionExecutor,
  defineDeleteExecutor,
  defineListPullTask,
  definePullTask,
  defineReeve,
  type ObservedFields,
} from '../../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../../support/bundle.ts';
import { eventually } from '../../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../../support/start.ts';
import { Outside, testResources, type Volume } from '../../support/volume.ts';
import { runAlone } from '../../support/alone.ts';
import { withinMs } from '../../support/within.ts';

runAlone();

/** A pull of volumes whose answers are given look by look; the last one repeats. */
function pullOf(...answers: (() => Promise<ObservedFields<Volume>> | ObservedFields<Volume>)[]) {
  const outside = new Outside();
  const { volume } = testResources(outside);
  let looks = 0;
  const pull = definePullTask(volume, {
    pull: async () => {
      looks += 1;
      return (answers[looks - 1] ?? answers.at(-1) ?? (() => ({})))();
    },
  });
  return { volume, outside, pull, looks: () => looks };
}

async function pulled(bundle: Bundle, pull: ReturnType<typeof pullOf>['pull'], id: string) {
  return ended(bundle, (await bundle.reeve.execute(pull, { id })).executionId);
}

describeOnBrokers('W33 a pull', (broker) => {
  it('marks the resource with the error when it fails, and the next success clears the mark; the state stays', async () => {
    const { pull } = pullOf(
      () => ({ sizeGb: 7 }),
      () => Promise.reject(new Error('the outside is on fire')),
      () => Promise.reject(backendUnavailable('503')),
      () => ({ sizeGb: 9 }),
    );
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { id } = await volumeIn(bundle, 'ok', { backendId: 'v-1' });
    await bundle.reeve.startWorker();
    expect(await pulled(bundle, pull, id)).toMatchObject({ state: 'succeeded', result: { pulled: true } });
    expect(await readVolume(bundle, id)).toMatchObject({ sizeGb: 7, state: 'ok' });
    const failed = await pulled(bundle, pull, id);
    expect(failed).toMatchObject({ state: 'failed', error: { message: 'the outside is on fire' } });
    expect(await bundle.reeve.marks({ type: 'test.volume', id })).toMatchObject([
      { task: 'test.volume.pull', error: { message: 'the outside is on fire' }, failures: 1 },
    ]);
    expect(await readVolume(bundle, id)).toMatchObject({ sizeGb: 7, state: 'ok', errorMessage: '', executionId: null });
    // One attempt fails and the one after it, of the same execution, succeeds.
    expect(await pulled(bundle, pull, id)).toMatchObject({ state: 'succeeded' });
    expect(await readVolume(bundle, id)).toMatchObject({ sizeGb: 9, state: 'ok' });
    expect(await bundle.reeve.marks()).toEqual([]);
    const events = await bundle.query<{ kind: string }>(
      `SELECT kind, data FROM reeve.event WHERE kind LIKE 'resource.%' ORDER BY id`,
    );
    expect(events).toMatchObject([
      { kind: 'resource.marked', data: { message: 'the outside is on fire' } },
      { kind: 'resource.unmarked', data: { failures: 2 } },
    ]);
  });

  it.each(['update', 'delete'] as const)(
    'writes nothing, neither fields nor a mark, on a resource that the operation %s has taken meanwhile',
    async (kind) => {
      const looking = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const go = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const answer = (index: number) => async () => {
        looking[index]?.resolve();
        await go[index]?.promise;
        if (index === 1) throw new Error('gone astray');
        return { sizeGb: 99 };
      };
      const { pull, volume, looks } = pullOf(answer(0), answer(1));
      const rename = defineActionExecutor(volume, { name: 'volume.rename', plan: (p) => p.wait('1h').call('rename') });
      const remove = defineDeleteExecutor(volume, { plan: (p) => p.wait('1h').call('remove') });
      const executor = kind === 'update' ? rename : remove;
      await using bundle = await makeBundle(broker, { tasks: [pull], executors: [rename, remove] });
      await bundle.reeve.startWorker();
      for (const index of [0, 1]) {
        const { id } = await volumeIn(bundle, 'ok', { backendId: 'v-1' });
        const { executionId } = await bundle.reeve.execute(pull, { id });
        await looking[index]?.promise;
        const operation = await bundle.reeve.execute(executor, id);
        const before = await readVolume(bundle, id);
        expect(before?.state).toMatch(/update_scheduled|updating|deletion_scheduled|deleting/);
        go[index]?.resolve();
        const outcome = await ended(bundle, executionId);
        if (index === 0) expect(outcome).toMatchObject({ result: { pulled: false, because: 'owned' } });
        else expect(outcome).toMatchObject({ state: 'failed', error: { message: 'gone astray' } });
        expect(await readVolume(bundle, id)).toMatchObject({ sizeGb: 1, executionId: operation.executionId });
        expect((await readVolume(bundle, id))?.state).toMatch(/update_scheduled|updating|deletion_scheduled|deleting/);
        expect(await bundle.reeve.marks()).toEqual([]);
        expect(await pulled(bundle, pull, id)).toMatchObject({ result: { pulled: false, because: 'owned' } });
        await bundle.reeve.cancel(operation.executionId);
      }
      expect(looks()).toBe(2);
    },
  );

  it('does not declare a resource created whose creation has failed', async () => {
    const { pull } = pullOf(() => ({ sizeGb: 5 }));
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { id } = await volumeIn(bundle, 'erred', { errorMessage: 'no room', errorTraceback: 'at create' });
    await bundle.reeve.startWorker();
    expect(await pulled(bundle, pull, id)).toMatchObject({ result: { pulled: true } });
    expect(await readVolume(bundle, id)).toMatchObject({
      state: 'erred',
      errorMessage: 'no room',
      errorTraceback: 'at create',
      sizeGb: 5,
    });
  });

  it('records an exception that nobody expected, and a field that is not its to write', async () => {
    const { pull } = pullOf(
      () => (undefined as unknown as { missing: () => ObservedFields<Volume> }).missing(),
      () => ({ state: 'ok' }) as ObservedFields<Volume>,
    );
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { id } = await volumeIn(bundle, 'erred');
    await bundle.reeve.startWorker();
    expect(await pulled(bundle, pull, id)).toMatchObject({ state: 'failed' });
    const [mark] = await bundle.reeve.marks();
    expect(mark?.error).toMatchObject({ code: 'TASK_FAILED', message: expect.stringContaining('undefined') });
    expect(mark?.error.traceback).toContain('w33-pull.test');
    expect(await pulled(bundle, pull, id)).toMatchObject({
      state: 'failed',
      error: { message: 'pull task "test.volume.pull" returned "state" of test.volume, which only executions write' },
    });
    expect(await readVolume(bundle, id)).toMatchObject({ state: 'erred' });
    expect(await bundle.reeve.marks()).toMatchObject([{ failures: 2 }]);
  });

  it('looks again when the row was changed while it looked, and forgets the marks of a row that is gone', async () => {
    let meanwhile = async (): Promise<unknown> => undefined;
    const { pull, looks } = pullOf(
      async () => {
        await meanwhile();
        return { sizeGb: 3 };
      },
      () => ({ sizeGb: 4 }),
      () => Promise.reject(new Error('no')),
    );
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { id } = await volumeIn(bundle, 'ok');
    meanwhile = () => bundle.query(`UPDATE volume SET name = 'renamed' WHERE id = $1`, [id]);
    await bundle.reeve.startWorker();
    expect(await pulled(bundle, pull, id)).toMatchObject({ result: { pulled: true } });
    expect(await readVolume(bundle, id)).toMatchObject({ name: 'renamed', sizeGb: 4 });
    expect(looks()).toBe(2);
    await pulled(bundle, pull, id);
    expect(await bundle.reeve.marks()).toHaveLength(1);
    await bundle.query(`DELETE FROM volume WHERE id = $1`, [id]);
    expect(await pulled(bundle, pull, id)).toMatchObject({ result: { pulled: false, because: 'gone' } });
    expect(await bundle.reeve.marks()).toEqual([]);
  });

  it('writes nothing once its step has gone on elsewhere', async () => {
    const looking = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { pull, looks } = pullOf(
      async () => {
        looking.resolve();
        await go.promise;
        return { sizeGb: 77 };
      },
      () => ({ sizeGb: 8 }),
    );
    await using bundle = await makeBundle(broker, { tasks: [pull] });
    const { id } = await volumeIn(bundle, 'ok');
    await bundle.reeve.startWorker();
    const { executionId } = await bundle.reeve.execute(pull, { id });
    await looking.promise;
    await bundle.query(
      `UPDATE reeve.step SET claim_token = gen_random_uuid(), lease_until = now() WHERE state = 'running'`,
    );
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded' });
    go.resolve();
    // Its write is refused, so it looks again, as if the row had been changed; the second attempt has looked once.
    await eventually(() => expect(looks()).toBeGreaterThanOrEqual(3));
    expect(await readVolume(bundle, id)).toMatchObject({ sizeGb: 8 });
  });
});

describeOnBrokers('a list pull', (broker) => {
  it('starts 1,000 pulls in less than 2 s, and counts those that are alive', async () => {
    const { pull } = pullOf();
    const pullAll = defineListPullTask(pull, { where: (query) => query.andWhere(`resource.name <> 'left out'`) });
    await using bundle = await makeBundle(broker, { tasks: [pull, pullAll] });
    const rows = await bundle.query<{ id: string; name: string }>(
      `INSERT INTO volume (state, name, backend_id) SELECT CASE WHEN n % 2 = 0 THEN 'ok' ELSE 'erred' END,
         CASE WHEN n > 1000 THEN 'left out' ELSE 'v' || n END, 'b' || n FROM generate_series(1, 1010) AS n
       RETURNING id, name`,
    );
    // Neither one that an operation has, nor one that does not exist outside.
    await volumeIn(bundle, 'updating', { backendId: 'b', executionId: null });
    await volumeIn(bundle, 'ok', { backendId: '' });
    const alive = rows.filter(({ name }) => name !== 'left out').slice(0, 5);
    await Promise.all(alive.map(({ id }) => bundle.reeve.execute(pull, { id })));
    await bundle.query(
      `UPDATE reeve.step SET state = 'delayed', run_at = now() + interval '1 hour' WHERE state = 'ready'`,
    );
    await bundle.reeve.startWorker({ queues: { background: 1 } });
    await bundle.reeve.pauseQueue('background');
    const { executionId } = await bundle.reeve.execute(pullAll);
    await bundle.reeve.resumeQueue('background');
    const outcome = await ended(bundle, executionId);
    expect(outcome).toMatchObject({ state: 'succeeded', result: { found: 1000, started: 995, refused: 5 } });
    const [step] = await bundle.query<{ ms: number }>(
      `SELECT (extract(epoch FROM finished_at - started_at) * 1000)::float8 AS ms FROM reeve.step
       WHERE execution_id = $1 AND position = 0`,
      [executionId],
    );
    process.stderr.write(`list pull (${broker}): 1,000 resources in ${Math.round(step?.ms ?? 0)} ms\n`);
    expect(step?.ms).toBeLessThan(withinMs(2_000));
    await bundle.query(`DELETE FROM volume WHERE state = 'updating'`);
  });

  it('is refused at the start where the pull task is not registered, and a second one while it is alive', async () => {
    const { pull } = pullOf();
    const pullAll = defineListPullTask(pull, { name: 'volumes.pull' });
    const dataSource = new DataSource({ type: 'postgres' });
    expect(() => defineReeve({ dataSource, tasks: [pullAll] })).toThrow(
      'task "volumes.pull" starts "test.volume.pull", which is not registered; add it to "tasks"',
    );
    await using bundle = await makeBundle(broker, { tasks: [pull, pullAll] });
    const first = await bundle.reeve.execute(pullAll);
    expect(await bundle.reeve.execute(pullAll)).toEqual({ ...first, created: false });
    await expect(bundle.reeve.execute(pull, { id: 7 as unknown as string })).rejects.toThrow('must be the id of the');
    await bundle.reeve.startWorker();
    expect(await ended(bundle, first.executionId)).toMatchObject({ result: { found: 0, started: 0, refused: 0 } });
    await eventually(() => expect(bundle.reeve.marks()).resolves.toEqual([]));
  });
});
