import type { JsonValue } from '../../core/json.ts';
import type { Transition } from '../../core/state-machine.ts';
import type { Connection } from '../connection.ts';
import type { OwnedResource } from './insert-execution-resources.ts';

interface Row {
  resource_type: string;
  resource_id: string;
  main: boolean;
  begin_transition: Transition | null;
  success_transition: Transition | null;
  failure_transition: Transition | null;
  forget: JsonValue;
  lender: string | null;
}

/** The resources that an execution owns, in lock order, by primary key; locks nothing, empty where it owns none. */
export async function listExecutionResources(connection: Connection, executionId: string): Promise<OwnedResource[]> {
  const { rows } = await connection.query<Row>(
    `SELECT resource_type, resource_id, main, begin_transition, success_transition, failure_transition, forget,
       lender
     FROM ${connection.schema}.execution_resource WHERE execution_id = $1
     ORDER BY resource_type COLLATE "C", resource_id COLLATE "C"`,
    [executionId],
  );
  return rows.map((row) => ({
    type: row.resource_type,
    id: row.resource_id,
    main: row.main,
    begin: row.begin_transition,
    success: row.success_transition,
    failure: row.failure_transition,
    forget: row.forget,
    lender: row.lender,
  }));
}
