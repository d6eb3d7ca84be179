import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';
import type { StepPlace } from './advance-steps.ts';

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
       RETURNING key, held, shared, ${resourceSql} AS resource),
     counted AS (${countDownSql(schema)})
     SELECT key, held, shared, resource FROM dropped ORDER BY key`,
    [executionId, typeof which === 'string' ? which : 'positions', positions],
  );
  return rows;
}

/**
 * The same for many executions: all permits of those in `ended`, and those of the scopes that begin at `released`. Answers
 * what it has dropped.
 */
export async function dropReleased(
  connection: Connection,
  ended: readonly string[],
  released: readonly StepPlace[],
): Promise<readonly DroppedPermit[]> {
  const { schema } = connection;
  const { rows } = await connection.query<DroppedPermit>(
    `WITH dropped AS (
       DELETE FROM ${schema}.permit AS p
       WHERE p.execution_id = ANY ($1::uuid[] || $2::uuid[]) AND (p.execution_id = ANY ($1) OR EXISTS (
         SELECT 1 FROM unnest($2, $3::integer[]) AS r(execution_id, position)
         WHERE r.execution_id = p.execution_id AND r.position = p.position))
       RETURNING key, held, shared, ${resourceSql} AS resource),
     counted AS (${countDownSql(schema)})
     SELECT key, held, shared, resource FROM dropped ORDER BY key`,
    [ended, released.map(({ executionId }) => executionId), released.map(({ position }) => position)],
  );
  return rows;
}

const resourceSql = `CASE WHEN resource_type IS NOT NULL
         THEN jsonb_build_object('type', resource_type, 'id', resource_id) END`;

/** Counts down what was held of `dropped`. */
function countDownSql(schema: string): string {
  return `UPDATE ${schema}.throttle AS t SET held = t.held - freed.count
       FROM (SELECT key, count(*)::integer AS count FROM dropped WHERE held AND NOT shared GROUP BY key) AS freed
       WHERE t.key = freed.key`;
}
