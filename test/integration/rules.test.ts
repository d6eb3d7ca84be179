import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { defineActionExecutor, defineExecutor, rule } from '../../src/index.ts';
import { describeOnBrokers, makeBundle } from '../support/bundle.ts';
import { ended, instanceIn, readVolume, volumeIn } from '../support/start.ts';
import { Outside, testResources } from '../support/volume.ts';

function ruled(outside: Outside) {
  const { volume, instance } = testResources(outside);
  const attach = defineActionExecutor(instance, {
    name: 'attach',
    input: z.object({ ids: z.array(z.string()) }),
    plan: (p) => p.call('create'),
    onSuccess: (_instance, { ids }) => ids.map((id) => rule(volume, id, 'recover')),
    onFailure: (_instance, { ids }) => ids.map((id) => rule(volume, id, 'setErred', { when: ['creation_scheduled'] })),
  });
  return { volume, attach };
}

describeOnBrokers('rules', (broker) => {
  it.each([
    ['success', ['creation_scheduled', 'ok', 'ok', 'updating']],
    ['failure', ['erred', 'ok', 'erred', 'updating']],
  ] as const)('of a %s move each resource by its own state, and leave what others own alone', async (end, states) => {
    const outside = new Outside();
    if (end === 'failure') {
      outside.on('create', () => {
        throw new Error('no room');
      });
    }
    const { attach, volume } = ruled(outside);
    const keep = defineExecutor(volume, {
      name: 'keep',
      plan: (p) => p.transition('beginUpdating').wait('1h'),
    });
    await using bundle = await makeBundle(broker, { executors: [attach, keep] });
    await bundle.reeve.startWorker();
    const rows = [];
    for (const state of ['creation_scheduled', 'ok', 'erred', 'update_scheduled'])
      rows.push(await volumeIn(bundle, state));
    const owned = await bundle.reeve.execute(keep, rows[3]?.id ?? '');
    const { id } = await instanceIn(bundle, 'ok');
    const { executionId } = await bundle.reeve.execute(attach, id, { ids: rows.map((row) => row.id) });
    expect((await ended(bundle, executionId)).state).toBe(end === 'success' ? 'succeeded' : 'failed');
    const after = await Promise.all(rows.map((row) => readVolume(bundle, row.id)));
    expect(after.map((row) => row?.state)).toEqual(states);
    expect(after[0]?.errorMessage).toBe(end === 'failure' ? 'no room' : '');
    await bundle.reeve.cancel(owned.executionId);
  });

  it('that name an unknown transition or state are refused before anything is written', async () => {
    const { volume, instance } = testResources(new Outside());
    const wrong = defineActionExecutor(instance, {
      name: 'wrong',
      plan: (p) => p,
      onFailure: () => [rule(volume, 'x', 'explode' as never)],
    });
    await using bundle = await makeBundle(broker, { executors: [wrong] });
    const { id } = await instanceIn(bundle, 'ok');
    await expect(bundle.reeve.execute(wrong, id)).rejects.toMatchObject({
      code: 'PLAN_INVALID',
      message: expect.stringContaining('"explode"'),
    });
    expect(await bundle.query('SELECT 1 FROM reeve.execution')).toEqual([]);
  });
});
