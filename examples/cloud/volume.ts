import { z } from 'zod';
import { defineActionExecutor, defineCreateExecutor, defineDeleteExecutor, involve } from '../../src/index.ts';
import { instance, looks, volume, volumesPerTenant } from './resources.ts';

export const createVolume = defineCreateExecutor(volume, {
  throttle: volumesPerTenant,
  plan: (p) =>
    p
      .call('create', { save: (made) => ({ backendId: made.id }), retry: { attempts: 3, delay: '100ms' } })
      .poll('state', { until: 'AVAILABLE', failOn: 'ERROR', ...looks }),
});

export const deleteVolume = defineDeleteExecutor(volume, {
  plan: (p) =>
    p.when(
      (row) => row.backendId !== '',
      (q) => q.call('destroy').poll('state', { until: 'GONE', ...looks }),
    ),
});

/**
 * Volume and instance end together: ok, or both erred with the same message. If the instance is busy, neither starts.
 * An attached volume is detached for it and attached again.
 */
export const extendVolume = defineActionExecutor(volume, {
  name: 'cloud.volume.extend',
  input: z.object({ sizeGb: z.number().int().positive() }),
  facts: (row) => ({ isAttached: row.instance !== null }),
  involves: (row) => (row.instance === null ? [] : [involve(instance, row.instance)]),
  actionDetails: (row, { sizeGb }) => ({ from: row.sizeGb, to: sizeGb }),
  plan: (p, { sizeGb }, { isAttached }) =>
    p
      .choose(isAttached, (q) => q.call('detach').poll('state', { until: 'AVAILABLE', ...looks }))
      .call('extend', [sizeGb], { save: (done) => ({ sizeGb: done.sizeGb }) })
      .poll('state', { until: 'AVAILABLE', ...looks })
      .choose(isAttached, (q) => q.call('attach').poll('state', { until: 'IN_USE', ...looks })),
});
