import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

export interface DroppedPermit {
  readonly key: string;
  readonly held: boolean;
  readonly shared: boolean;
  readonly resource: ResourceRef | null;
}

/**
 * Takes the permits of an execution away, and counts down what it held: those of the scopes that begin at `positions`,
 * those that it only waits for, or all. The caller holds the locks of their throttles.
 */
export async function dropPermits(
  connection: Connection,
  executionId: string,
  which: readonly number[] | 'waiting' | 'all',
): Promise<DroppedPermit[]> {
  const { schema } = connection;
  const positions = typeof which === 'string' ? [] : which;
  const { rows } = await connection.query<DroppedPermit>(
    `WITH dropped AS (
       DELETE FROM ${schema}.permit WHERE execution_id = $1
         AND CASE $2 WHEN 'all' THEN true WHEN 'waiting' THEN NOT held ELSE position = ANY ($3::integer[]) END
       RETURNING key, held, shared, resource_type, resource_id),
     counted AS (
       UPDATE ${schema}.throttle AS t SET held = t.held - freed.count
       FROM (SELECT key, count(*)::integer AS count FROM dropped WHERE held AND NOT shared GROUP BY key) AS freed
       WHERE t.key = freed.key)
     SELECT key, held, shared,
       CASE WHEN resource_type IS NOT NULL
         THEN jsonb_build_object('type', resource_type, 'id', resource_id) END AS resource
     FROM dropped ORDER BY key`,
    [executionId, typeof which === 'string' ? which : 'positions', positions],
  );
  return rows;
}
