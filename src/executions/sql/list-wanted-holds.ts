import type { Connection } from '../connection.ts';

export interface WantedHold {
  readonly place: string;
  readonly resource: { readonly type: string; readonly id: string };
}

/** The holds that an execution, and everything that it waits for or that waits for it, stands in line for. */
export async function listWantedHolds(connection: Connection, executionId: string): Promise<WantedHold[]> {
  const { schema } = connection;
  const { rows } = await connection.query<WantedHold>(
    `WITH RECURSIVE above AS (
       SELECT id, parent_id FROM ${schema}.execution WHERE id = $1
       UNION ALL
       SELECT e.id, e.parent_id FROM ${schema}.execution AS e JOIN above ON e.id = above.parent_id),
     family AS (
       SELECT id FROM above WHERE parent_id IS NULL
       UNION ALL
       SELECT e.id FROM ${schema}.execution AS e JOIN family ON e.parent_id = family.id WHERE e.active)
     SELECT p.place, jsonb_build_object('type', p.resource_type, 'id', p.resource_id) AS resource
     FROM family JOIN ${schema}.permit AS p ON p.execution_id = family.id
     WHERE NOT p.held AND NOT p.shared AND p.resource_type IS NOT NULL`,
    [executionId],
  );
  return rows;
}
