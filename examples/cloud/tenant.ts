import { defineDeleteExecutor, defineExecutor } from '../../src/index.ts';
import { looks, tenant } from './resources.ts';

/** What the cloud says of a tenant decides: it is taken back from erred, or marked, and the networks are pulled only then. */
export const pullTenant = defineExecutor(tenant, {
  name: 'cloud.tenant.pull',
  plan: (p) =>
    p.attempt((q) => q.call('pullQuota', { save: ({ quota }) => ({ quota }) }), {
      succeeded: (q) =>
        q
          .when(
            (row) => row.state === 'erred',
            (r) => r.recover(),
          )
          .call('pullNetworks'),
      failed: (q) => q.setErred('the cloud does not know this tenant any more'),
    }),
});

export const deleteTenant = defineDeleteExecutor(tenant, {
  plan: (p) =>
    p.when(
      (row) => row.backendId !== '',
      (q) => q.call('destroy').poll('state', { until: 'GONE', ...looks }),
    ),
});
