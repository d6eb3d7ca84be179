import { defineCreateExecutor, defineDeleteExecutor } from '../../src/index.ts';
import { cluster, looks, node } from './resources.ts';

export const createNode = defineCreateExecutor(node, {
  plan: (p) =>
    p
      .call('create', { save: (made) => ({ backendId: made.id }) })
      .poll('state', { until: 'ACTIVE', failOn: 'ERROR', ...looks }),
});

export const deleteNode = defineDeleteExecutor(node, {
  plan: (p) => p.call('destroy').poll('state', { until: 'GONE', ...looks }),
});

/** The control plane first; then the other nodes side by side; the cluster is ok last. */
export const createCluster = defineCreateExecutor(cluster, {
  facts: (row) => ({
    first: row.nodes.filter(({ role }) => role === 'controlplane').map(({ id }) => id),
    rest: row.nodes.filter(({ role }) => role === 'worker').map(({ id }) => id),
  }),
  plan: (p, _input, { first, rest }) =>
    p
      .call('create', { save: (made) => ({ backendId: made.id }) })
      .each(first, (q, id) => q.child(createNode, id))
      .groupEach(rest, (q, id) => q.child(createNode, id, undefined, { onParentFailure: 'delete' }), { concurrency: 3 })
      .poll('state', { until: 'ACTIVE', ...looks }),
});
