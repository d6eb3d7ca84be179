import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineCreateExecutor, defineExecutor, defineTask } from '../../src/index.ts';
import { describeOnBrokers, makeBundle, type Bundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, readVolume, volumeIn } from '../support/start.ts';
import { InstanceSchema, Outside, testResources } from '../support/volume.ts';

/** A cluster (an instance here) whose nodes (volumes here) are created by executors of their own. */
function clusterOf(outside: Outside, rule: 'fail' | 'delete' | 'leave' = 'fail') {
  const { volume: node, instance: cluster } = testResources(outside);
  const createNode = defineCreateExecutor(node, { plan: (p) => p.call('create') });
  const input = z.object({ nodes: z.array(z.string()) });
  const createCluster = defineCreateExecutor(cluster, {
    input,
    plan: (p, { nodes }) =>
      nodes.reduce<typeof p>((q, id) => q.child(createNode, id, {}, { onParentFailure: rule }) as typeof p, p),
  });
  const createInParallel = defineCreateExecutor(cluster, {
    name: 'cluster.parallel',
    input,
    plan: (p, { nodes }) =>
      p
        .group(
          nodes.map((id) => (q: typeof p) => q.child(createNode, id)),
          { concurrency: 2 },
        )
        .call('rename'),
  });
  return { createNode, createCluster, createInParallel, executors: [createNode, createCluster, createInParallel] };
}

async function newNodes(bundle: Bundle, ...names: string[]): Promise<string[]> {
  const rows = [];
  for (const name of names) rows.push(await volumeIn(bundle, 'creation_scheduled', { name }));
  return rows.map((row) => row.id);
}

const newCluster = (bundle: Bundle): Promise<{ id: string }> =>
  bundle.dataSource.manager.save(InstanceSchema, { name: 'cluster' });

describeOnBrokers('children', (broker) => {
  it('W18 pass their whole lifecycle one after another, and the parent is ok last', async () => {
    const outside = new Outside();
    const { createCluster, executors } = clusterOf(outside);
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker();
    const cluster = await newCluster(bundle);
    const ids = await newNodes(bundle, 'n1', 'n2');
    const { executionId } = await bundle.reeve.execute(
      createCluster,
      cluster.id,
      { nodes: ids },
      { context: { user: 'ada' } },
    );
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    const transitions = await bundle.query<{ resource_id: string; to: string }>(
      `SELECT resource_id, data->>'to' AS to FROM reeve.event WHERE kind = 'resource.transition' ORDER BY id`,
    );
    const name = (id: string): string => ({ [ids[0] ?? '']: 'n1', [ids[1] ?? '']: 'n2' })[id] ?? 'cluster';
    expect(transitions.map((row) => `${name(row.resource_id)} ${row.to}`)).toEqual([
      'cluster creating',
      'n1 creating',
      'n1 ok',
      'n2 creating',
      'n2 ok',
      'cluster ok',
    ]);
    expect(outside.calls.map(([, first]) => first)).toEqual(['n1', 'n2']);
    const children = await bundle.reeve.executions({ executor: 'test.volume.create' });
    expect(children).toHaveLength(2);
    for (const child of children) expect(child).toMatchObject({ parentId: executionId, context: { user: 'ada' } });
  });

  it.each([
    ['fail', 'erred'],
    ['delete', undefined],
    ['leave', 'creation_scheduled'],
  ] as const)(
    'W19 when one fails the parent names it, and the ones that never started follow the rule "%s"',
    async (rule, third) => {
      const outside = new Outside();
      const { createCluster, executors } = clusterOf(outside, rule);
      outside.on(
        'create',
        () => undefined,
        () => {
          throw new Error('no more licences');
        },
      );
      await using bundle = await makeBundle(broker, { executors });
      await bundle.reeve.startWorker();
      const cluster = await newCluster(bundle);
      const ids = await newNodes(bundle, 'c1', 'c2', 'c3');
      const { executionId } = await bundle.reeve.execute(createCluster, cluster.id, { nodes: ids });
      const outcome = await ended(bundle, executionId);
      expect(outcome).toMatchObject({ state: 'failed', error: { code: 'CHILD_FAILED' } });
      expect(outcome.error?.message).toContain(ids[1]);
      expect(outcome.error?.message).toContain('no more licences');
      const states = await Promise.all(ids.map(async (id) => (await readVolume(bundle, id))?.state));
      expect(states).toEqual(['ok', 'erred', third]);
      expect((await readVolume(bundle, ids[1] ?? ''))?.errorMessage).toBe('no more licences');
      if (rule === 'fail') expect((await readVolume(bundle, ids[2] ?? ''))?.errorMessage).toContain('never started');
      expect(await bundle.dataSource.manager.findOneByOrFail(InstanceSchema, { id: cluster.id })).toMatchObject({
        state: 'erred',
        errorMessage: outcome.error?.message,
      });
      expect(outside.calls).toHaveLength(2);
    },
  );

  it('W22 run side by side within a bound, and no worker waits for them', async () => {
    const outside = new Outside();
    const { createInParallel, executors } = clusterOf(outside);
    let now = 0;
    let most = 0;
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    outside.answer = async (method, name) => {
      outside.calls.push([method, name]);
      if (method !== 'create') return undefined;
      now += 1;
      most = Math.max(most, now);
      await gates[outside.calls.length - 1]?.promise;
      now -= 1;
      return undefined;
    };
    await using bundle = await makeBundle(broker, { executors });
    await bundle.reeve.startWorker({ queues: ['tasks'], concurrency: 2 });
    const cluster = await newCluster(bundle);
    const ids = await newNodes(bundle, 'p1', 'p2', 'p3', 'p4');
    const { executionId } = await bundle.reeve.execute(createInParallel, cluster.id, { nodes: ids });
    await eventually(() => expect(outside.calls).toHaveLength(2));
    const { steps } = await bundle.reeve.execution(executionId);
    expect(steps.slice(0, 4).map((step) => step.state)).toEqual(['waiting', 'waiting', 'waiting', 'waiting']);
    for (const gate of gates) gate.resolve();
    expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(most).toBe(2);
    expect(outside.names()).toEqual(['create', 'create', 'create', 'create', 'rename']);
  });

  it('give their result to the next step, and are started once even when the step that starts them runs again', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const measure = defineTask({ name: 'measure', run: () => ({ size: 42 }) });
    const use = defineTask({ name: 'use', input: z.any(), run: (input) => input as unknown as { size: number } });
    const inner = defineActionExecutor(volume, { name: 'volume.measure', plan: (p) => p.run(measure) });
    const outer = defineExecutor({
      name: 'outer',
      input: z.object({ id: z.string() }),
      plan: (p, { id }) => p.child(inner, id).run(use, (previous) => previous),
    });
    await using bundle = await makeBundle(broker, { executors: [inner, outer], tasks: [measure, use] });
    const row = await volumeIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(outer, { id: row.id });
    const worker = await bundle.reeve.startWorker({ queues: ['tasks'], concurrency: 1 });
    await eventually(async () => {
      expect(await bundle.query(`SELECT 1 FROM reeve.execution WHERE parent_id = $1`, [executionId])).toHaveLength(1);
    });
    await worker.stop();
    await bundle.query(
      `UPDATE reeve.step SET state = 'delayed', waiting_for = NULL, run_at = now() WHERE execution_id = $1 AND state = 'waiting'`,
      [executionId],
    );
    await bundle.reeve.startWorker();
    expect(await ended(bundle, executionId)).toMatchObject({ state: 'succeeded', result: { size: 42 } });
    expect(await bundle.reeve.executions({ executor: 'volume.measure' })).toHaveLength(1);
  });
});
