import { expect, it } from '@jest/globals';
import { defineActionExecutor, defineExecutor, defineThrottle, type ThrottleView } from '../../src/index.ts';
import { z } from 'zod';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { eventually } from '../support/eventually.ts';
import { ended, volumeIn } from '../support/start.ts';
import { Outside, testResources, type Volume } from '../support/volume.ts';

function throttled() {
  const outside = new Outside();
  const { volume } = testResources(outside);
  const gate = Promise.withResolvers<void>();
  outside.on('create', () => gate.promise);
  const narrow = defineThrottle({ name: 'narrow', limit: 1 });
  const create = defineActionExecutor(volume, { name: 'make', throttle: narrow, plan: (p) => p.call('create') });
  return { outside, volume, gate, narrow, create };
}

describeOnBrokers('throttles while work is under way', (broker) => {
  it('a raised limit admits at once, a lowered one drains, and a reset gives the limit of the code back', async () => {
    const { outside, gate, create } = throttled();
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const ids: string[] = [];
    for (let index = 0; index < 4; index += 1) {
      ids.push((await bundle.reeve.execute(create, (await volumeIn(bundle, 'ok')).id)).executionId);
    }
    await eventually(() => expect(outside.names()).toHaveLength(1));
    const raised = await bundle.reeve.throttles.set('narrow', { limit: 3, for: '1h', by: 'ada', reason: 'night' });
    await eventually(() => expect(outside.names()).toHaveLength(3));
    const lowered = await bundle.reeve.throttles.set('narrow', { limit: 0 });
    const reset = await bundle.reeve.throttles.reset('narrow');

    expect(raised).toMatchObject({
      key: 'narrow',
      limit: 3,
      held: 3,
      waiting: 1,
      override: { limit: 3, by: 'ada', reason: 'night', until: expect.any(Date) },
    } satisfies Partial<Record<keyof ThrottleView, unknown>>);
    expect(lowered).toMatchObject({ limit: 0, held: 3, waiting: 1 });
    expect(reset).toMatchObject({ limit: 1, held: 3, waiting: 1, override: null });
    gate.resolve();
    for (const id of ids) expect((await ended(bundle, id)).state).toBe('succeeded');
    const events = await bundle.query(`SELECT 1 FROM reeve.event WHERE kind = 'operator.throttle'`);
    expect(events).toHaveLength(3);
    await expect(bundle.reeve.throttles.set('wide', { limit: 2 })).rejects.toMatchObject({ code: 'THROTTLE_UNKNOWN' });
    await expect(bundle.reeve.throttles.set('narrow', { limit: -1 })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('why says which permit is waited for, who holds it, and how many stand in front', async () => {
    const { outside, gate, create } = throttled();
    await using bundle = await makeBundle(broker, { executors: [create] });
    await bundle.reeve.startWorker();
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.push((await bundle.reeve.execute(create, (await volumeIn(bundle, 'ok')).id)).executionId);
    }
    await eventually(() => expect(outside.names()).toHaveLength(1));
    const { chain } = await bundle.reeve.why(ids[2] ?? '');
    expect(chain[0]).toEqual({
      kind: 'permit',
      position: 0,
      text: `step 1 "permit "narrow"" waits for a permit of "narrow": 1 of 1 are held by execution ${ids[0]} of "make"; 1 stand in front of it`,
      evidence: {
        key: 'narrow',
        limit: 1,
        held: 1,
        ahead: 1,
        requestedAt: expect.any(String),
        holders: [ids[0]],
      },
    });
    gate.resolve();
    for (const id of ids) expect((await ended(bundle, id)).state).toBe('succeeded');
  });

  it('a paused execution keeps its permit, and one that waits is passed over and keeps its place', async () => {
    const { outside, gate, create } = throttled();
    await using bundle = await makeBundle(broker, { executors: [create] });
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.push((await bundle.reeve.execute(create, (await volumeIn(bundle, 'ok')).id)).executionId);
    }
    await eventually(async () => expect(await bundle.query('SELECT 1 FROM reeve.permit WHERE held')).toHaveLength(1));
    await bundle.reeve.pause(ids[0] ?? '');
    await bundle.reeve.pause(ids[1] ?? '');
    await bundle.reeve.startWorker();
    gate.resolve();
    const holder = await bundle.query<{ id: string }>('SELECT execution_id AS id FROM reeve.permit WHERE held');
    expect(holder).toEqual([{ id: ids[0] }]);
    await bundle.reeve.resume(ids[0] ?? '');
    expect((await ended(bundle, ids[0] ?? '')).state).toBe('succeeded');
    expect((await ended(bundle, ids[2] ?? '')).state).toBe('succeeded');
    expect(outside.names()).toHaveLength(2);
    await bundle.reeve.resume(ids[1] ?? '');
    expect((await ended(bundle, ids[1] ?? '')).state).toBe('succeeded');
  });

  it('W29 a child shares the permit around it, and one that would wait for the same level inside is refused', async () => {
    const outside = new Outside();
    const { volume } = testResources(outside);
    const one = defineThrottle({ name: 'one', limit: 1 });
    const keyed = defineThrottle(volume, { name: 'keyed', key: (row: Volume) => row.name, limit: 1 });
    const inner = defineActionExecutor(volume, { name: 'inner', throttle: one, plan: (p) => p.call('create') });
    const wrong = defineActionExecutor(volume, { name: 'wrong', throttle: keyed, plan: (p) => p.call('create') });
    const outer = defineExecutor(volume, {
      name: 'outer',
      input: z.object({ ids: z.array(z.string()) }),
      plan: (p, { ids }) => p.throttled(one, (q) => q.groupEach(ids, (r, id) => r.child(inner, id))),
    });
    const bad = defineExecutor(volume, {
      name: 'bad',
      input: z.object({ id: z.string() }),
      plan: (p, { id }) => p.throttled(keyed, (q) => q.child(wrong, id)),
    });
    const worse = defineExecutor(volume, { name: 'worse', plan: (p) => p.throttled(one, (q) => q.child(wrong, 'x')) });
    await using bundle = await makeBundle(broker, { executors: [inner, outer, wrong, bad] });
    await bundle.reeve.startWorker();
    const rows = [];
    for (let index = 0; index < 6; index += 1) rows.push(await volumeIn(bundle, 'ok', { name: `v${index}` }));
    const runs = [];
    for (const half of [rows.slice(0, 3), rows.slice(3)]) {
      runs.push(await bundle.reeve.execute(outer, half[0]?.id ?? '', { ids: half.map((row) => row.id) }));
    }
    for (const { executionId } of runs) expect((await ended(bundle, executionId)).state).toBe('succeeded');
    expect(outside.names()).toHaveLength(6);
    const refused = await bundle.reeve.execute(bad, rows[0]?.id ?? '', { id: rows[1]?.id ?? '' });
    expect(await ended(bundle, refused.executionId)).toMatchObject({
      state: 'failed',
      error: {
        code: 'THROTTLE_LEVEL',
        message: expect.stringContaining('"keyed:v1" of level 1 inside "keyed:v0" of level 1'),
      },
    });
    expect(() => bundle.another({ executors: [worse, wrong] })).toThrow(/give "keyed" a higher level/);
  });
});
