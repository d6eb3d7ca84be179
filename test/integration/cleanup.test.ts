import { expect, it } from '@jest/globals';
import { cleanup, defineCleanupExecutor, defineDeleteExecutor } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { ended, instanceIn, readVolume, volumeIn } from '../support/start.ts';
import { InstanceSchema, Outside, testResources, Volume } from '../support/volume.ts';

/** A project (an instance here) with snapshots and volumes, which are both volumes here: names tell them apart. */
function project(outside: Outside, bundles: readonly Bundle[]) {
  const { volume, instance } = testResources(outside);
  const ids = (prefix: string) => async (): Promise<string[]> => {
    const rows = await bundles[0]?.dataSource.manager.find(Volume);
    return (rows ?? []).filter((row) => row.name.startsWith(prefix)).map((row) => row.id);
  };
  const removeSnapshot = defineDeleteExecutor(volume, { name: 'snapshot.delete', plan: (p) => p.call('remove') });
  const removeVolume = defineDeleteExecutor(volume, { name: 'volume.delete', plan: (p) => p.call('remove') });
  const removeProject = defineCleanupExecutor(instance, {
    kinds: [
      cleanup(removeVolume, { list: ids('volume'), after: [removeSnapshot] }),
      cleanup(removeSnapshot, { list: ids('snapshot') }),
    ],
    concurrency: 2,
    plan: (p) => p.call('remove'),
  });
  return { removeSnapshot, removeVolume, removeProject, executors: [removeSnapshot, removeVolume, removeProject] };
}

async function filled(bundle: Bundle): Promise<{ id: string; names: string[] }> {
  const names = ['snapshot-1', 'snapshot-2', 'snapshot-3', 'volume-1', 'volume-2'];
  for (const name of names) await volumeIn(bundle, 'ok', { name });
  await volumeIn(bundle, 'ok', { name: 'other' });
  const { id } = await instanceIn(bundle, 'ok', 'project');
  return { id, names };
}

describeOnBrokers('a cleanup', (broker) => {
  it('deletes kind after kind by their dependencies, each resource as a child, and the parent last', async () => {
    const outside = new Outside();
    const bundles: Bundle[] = [];
    const { removeProject, executors } = project(outside, bundles);
    await using made = await makeBundle(broker, { executors });
    bundles.push(made);
    await made.reeve.startWorker();
    const { id, names } = await filled(made);
    const { executionId } = await made.reeve.execute(removeProject, id);
    expect((await ended(made, executionId)).state).toBe('succeeded');
    const order = outside.calls.map(([, name]) => String(name));
    expect(order.slice(0, 3).toSorted()).toEqual(names.slice(0, 3));
    expect(order.slice(3, 5).toSorted()).toEqual(names.slice(3));
    expect(order.slice(5)).toEqual(['project']);
    expect((await made.dataSource.manager.find(Volume)).map((row) => row.name)).toEqual(['other']);
    expect(await made.dataSource.manager.findBy(InstanceSchema, { id })).toEqual([]);
    expect(await made.query('SELECT 1 FROM reeve.execution WHERE parent_id = $1', [executionId])).toHaveLength(5);
  });

  it('keeps the parent and lists what is left when something cannot be deleted; all others go', async () => {
    const outside = new Outside();
    const bundles: Bundle[] = [];
    const { removeProject, executors } = project(outside, bundles);
    await using made = await makeBundle(broker, { executors });
    bundles.push(made);
    await made.reeve.startWorker();
    const { id } = await filled(made);
    outside.answer = async (method, name) => {
      outside.calls.push([method, name]);
      if (name === 'snapshot-2') throw new Error('in use');
      return undefined;
    };
    const { executionId } = await made.reeve.execute(removeProject, id);
    const outcome = await ended(made, executionId);
    const [left] = (await made.dataSource.manager.find(Volume)).filter((row) => row.name.startsWith('snapshot'));
    expect(outcome).toMatchObject({
      state: 'failed',
      error: { code: 'CLEANUP_INCOMPLETE', message: `1 left: test.volume ${left?.id}` },
    });
    expect(await readVolume(made, left?.id ?? '')).toMatchObject({ state: 'erred', errorMessage: 'in use' });
    expect(await made.dataSource.manager.findOneBy(InstanceSchema, { id })).toMatchObject({
      state: 'erred',
      errorMessage: outcome.error?.message,
    });
    expect(outside.calls.filter(([, name]) => name === 'project')).toEqual([]);
    outside.answer = async () => undefined;
    const again = await made.reeve.execute(removeProject, id);
    expect((await ended(made, again.executionId)).state).toBe('succeeded');
  });

  it('is refused at its definition when kinds wait for each other or for one that is not there', () => {
    const { volume, instance } = testResources(new Outside());
    const [a, b, c] = ['a', 'b', 'c'].map((name) => defineDeleteExecutor(volume, { name, plan: (p) => p }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three executors');
    const list = (): string[] => [];
    const circle = (): unknown =>
      defineCleanupExecutor(instance, {
        kinds: [cleanup(a, { list, after: [b] }), cleanup(b, { list, after: [a] }), cleanup(c, { list })],
      });
    const unknown = (): unknown => defineCleanupExecutor(instance, { kinds: [cleanup(a, { list, after: [b] })] });
    expect(circle).toThrow(/"a", "b" wait for each other/);
    expect(unknown).toThrow(/"a" comes after "b", which is not among its kinds/);
  });
});
