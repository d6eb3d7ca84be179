import { z } from 'zod';
import { defineCreateExecutor, defineDeleteExecutor, rule } from '../../src/index.ts';
import type { Instance } from './entities.ts';
import { instance, instancesPerTenant, looks, volume } from './resources.ts';
import { createVolume, deleteVolume } from './volume.ts';

/**
 * The volumes first, one after another and each with a lifecycle of its own; the cloud is given a moment before the first.
 * Then the instance. If it fails, the volumes that are there stay, and those that never began are erred.
 */
export const createInstance = defineCreateExecutor(instance, {
  throttle: instancesPerTenant,
  facts: (row) => ({ volumes: volumesOf(row) }),
  onFailure: (row) => row.volumes.map((one) => rule(volume, one, 'setErred', { when: ['creation_scheduled'] })),
  plan: (p, _input, { volumes }) =>
    p
      .wait('100ms')
      .each(volumes, (q, id) => q.child(createVolume, id))
      .call('create', { save: (made) => ({ backendId: made.id }), runtimeDuring: 'BUILD', runtimeAfter: 'ACTIVE' })
      .poll('state', { until: 'ACTIVE', failOn: 'ERROR', ...looks })
      .call('pullAddress', { save: ({ address }) => ({ address }) }),
});

/** By name, so that the plan is the same whatever order the rows come in. */
function volumesOf(row: Instance): string[] {
  return row.volumes.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ id }) => id);
}

/** Three cases: the volumes go as well, or are let go; and the address is given back or kept. */
export const deleteInstance = defineDeleteExecutor(instance, {
  input: z.object({ deleteVolumes: z.boolean().default(true), releaseAddress: z.boolean().default(true) }),
  facts: (row) => ({ volumes: volumesOf(row) }),
  plan: (p, { deleteVolumes, releaseAddress }, { volumes }) =>
    p
      .when(
        (row) => row.backendId !== '',
        (q) =>
          q
            .choose(releaseAddress, (r) => r.call('releaseAddress'))
            .call('stop')
            .poll('state', { until: 'STOPPED', ...looks })
            .call('destroy')
            .poll('state', { until: 'GONE', ...looks }),
      )
      .groupEach(deleteVolumes ? volumes : [], (q, id) => q.child(deleteVolume, id), { concurrency: 4 }),
});
