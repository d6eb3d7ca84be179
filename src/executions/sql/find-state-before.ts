import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/**
 * From which state an execution last took a resource into `to`, by its events, newest first; undefined where no event
 * tells. Locks nothing.
 */
export async function findStateBefore(
  connection: Connection,
  executionId: string,
  ref: ResourceRef,
  to: string,
): Promise<string | undefined> {
  const { rows } = await connection.query<{ state: string }>(
    `SELECT data->>'from' AS state FROM ${connection.schema}.event
     WHERE execution_id = $1 AND kind = 'resource.transition' AND resource_type = $2 AND resource_id = $3
       AND data->>'to' = $4
     ORDER BY id DESC LIMIT 1`,
    [executionId, ref.type, ref.id, to],
  );
  return rows[0]?.state;
}
