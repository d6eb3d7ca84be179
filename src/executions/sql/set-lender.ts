import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/** Writes down whose resource an execution has borrowed, null where it is its own; by primary key. */
export async function setLender(
  connection: Connection,
  executionId: string,
  ref: ResourceRef,
  lender: string | null,
): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.execution_resource SET lender = $4
     WHERE execution_id = $1 AND resource_type = $2 AND resource_id = $3`,
    [executionId, ref.type, ref.id, lender],
  );
}
