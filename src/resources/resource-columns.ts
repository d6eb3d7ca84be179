import type { EntitySchemaColumnOptions } from 'typeorm';

/**
 * The columns that Reeve keeps on a tracked resource, to be spread into the `columns` of an EntitySchema.
 *
 * All but the id are `update: false`: a `save()` of an object that was read a while ago can never write a stale state
 * back. They change only through executions.
 */
export const resourceColumns = {
  id: { type: 'uuid', primary: true, default: () => 'gen_random_uuid()' },
  state: { type: 'text', default: 'creation_scheduled', update: false },
  executionId: { name: 'execution_id', type: 'uuid', nullable: true, update: false },
  runtimeState: { name: 'runtime_state', type: 'text', default: '', update: false },
  action: { type: 'text', default: '', update: false },
  actionDetails: { name: 'action_details', type: 'jsonb', default: {}, update: false },
  errorMessage: { name: 'error_message', type: 'text', default: '', update: false },
  errorTraceback: { name: 'error_traceback', type: 'text', default: '', update: false },
  backendId: { name: 'backend_id', type: 'text', default: '', update: false },
} as const satisfies Record<string, EntitySchemaColumnOptions>;

/** The properties of a resource that the engine reads and writes; a resource without some of them goes without them. */
export const requiredEngineProperties = ['state', 'executionId', 'errorMessage', 'errorTraceback'] as const;
