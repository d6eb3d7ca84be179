import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/** Forgets that an execution owns a resource; nothing happens where it does not. */
export async function deleteExecutionResource(
  connection: Connection,
  executionId: string,
  ref: ResourceRef,
): Promise<void> {
  await connection.query(
    `DELETE FROM ${connection.schema}.execution_resource
     WHERE execution_id = $1 AND resource_type = $2 AND resource_id = $3`,
    [executionId, ref.type, ref.id],
  );
}
