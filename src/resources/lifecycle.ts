import { defineStates } from '../core/state-machine.ts';

/**
 * The eight states of a resource that has a life in an outside system, and who may move it where.
 *
 * `*_scheduled` and the `…ing` states belong to one execution; in `ok` and `erred` nobody owns the resource. The model
 * is Waldur's (`waldur_core/core/models.py`, StateMixin), with sources on every transition: there `set_ok` and
 * `set_erred` came from anywhere, which let stale chains overwrite newer states.
 */
export const lifecycle = defineStates({
  states: [
    'creation_scheduled',
    'creating',
    'update_scheduled',
    'updating',
    'deletion_scheduled',
    'deleting',
    'ok',
    'erred',
  ],
  initial: 'creation_scheduled',
  stable: ['ok', 'erred'],
  transitions: {
    claimCreation: { from: ['creation_scheduled'], to: 'creation_scheduled' },
    beginCreating: { from: ['creation_scheduled'], to: 'creating' },
    scheduleUpdating: { from: ['ok', 'erred'], to: 'update_scheduled' },
    beginUpdating: { from: ['update_scheduled'], to: 'updating' },
    scheduleDeleting: { from: ['ok', 'erred'], to: 'deletion_scheduled' },
    beginDeleting: { from: ['deletion_scheduled'], to: 'deleting' },
    setOk: { from: ['creating', 'updating'], to: 'ok' },
    setErred: {
      from: ['creation_scheduled', 'creating', 'update_scheduled', 'updating', 'deletion_scheduled', 'deleting', 'ok'],
      to: 'erred',
    },
    recover: { from: ['erred'], to: 'ok' },
  },
  operations: {
    create: { start: 'claimCreation', begin: 'beginCreating', success: 'setOk', failure: 'setErred' },
    update: { start: 'scheduleUpdating', begin: 'beginUpdating', success: 'setOk', failure: 'setErred' },
    action: { start: 'scheduleUpdating', begin: 'beginUpdating', success: 'setOk', failure: 'setErred' },
    delete: { start: 'scheduleDeleting', begin: 'beginDeleting', failure: 'setErred' },
  },
});
