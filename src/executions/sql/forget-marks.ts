import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

/** Takes away every mark that pulls have left on a resource that is gone; by primary key. */
export async function forgetMarks(connection: Connection, ref: ResourceRef): Promise<void> {
  await connection.query(
    `DELETE FROM ${connection.schema}.resource_mark WHERE resource_type = $1 AND resource_id = $2`,
    [ref.type, ref.id],
  );
}
