import type { JsonValue } from '../../core/json.ts';
import type { Transition } from '../../core/state-machine.ts';
import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/** A resource that an execution owns from its start to its end, and the transitions that it takes. */
export interface OwnedResource extends ResourceRef {
  readonly main: boolean;
  readonly begin: Transition | null;
  readonly success: Transition | null;
  readonly failure: Transition | null;
  /** For a forced deletion: on failure the row goes all the same, and this is what may remain outside. */
  readonly forget: JsonValue;
  /** The ancestor that holds the resource and gets it back at the end. */
  readonly lender?: string | null;
}

/** Inserts the rows of all resources of one execution; locks nothing else. */
export async function insertExecutionResources(
  connection: Connection,
  executionId: string,
  resources: readonly OwnedResource[],
): Promise<void> {
  const rows = resources.map((resource) => ({
    resource_type: resource.type,
    resource_id: resource.id,
    main: resource.main,
    begin_transition: resource.begin,
    success_transition: resource.success,
    failure_transition: resource.failure,
    forget: resource.forget,
  }));
  await connection.query(
    `INSERT INTO ${connection.schema}.execution_resource
       (execution_id, resource_type, resource_id, main, begin_transition, success_transition, failure_transition, forget)
     SELECT $1, resource_type, resource_id, main, nullif(begin_transition, 'null'), nullif(success_transition, 'null'),
       nullif(failure_transition, 'null'), nullif(forget, 'null')
     FROM jsonb_to_recordset($2::jsonb) AS row(resource_type text, resource_id text, main boolean,
       begin_transition jsonb, success_transition jsonb, failure_transition jsonb, forget jsonb)`,
    [executionId, JSON.stringify(rows)],
  );
}
