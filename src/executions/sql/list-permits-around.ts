import type { Connection } from '../connection.ts';
import { inScope } from './in-scope.ts';

export interface PermitAround {
  readonly executionId: string;
  readonly key: string;
  readonly level: number;
}

/** The permits that are held around a step: by its own execution, and by those that wait for it. Locks nothing. */
export async function listPermitsAround(
  connection: Connection,
  step: { readonly executionId: string; readonly position: number },
): Promise<PermitAround[]> {
  const { schema } = connection;
  const { rows } = await connection.query<PermitAround>(
    `WITH RECURSIVE around AS (
       SELECT $1::uuid AS id, $2::integer AS position
       UNION ALL
       SELECT e.parent_id, e.parent_position FROM ${schema}.execution AS e JOIN around AS a ON e.id = a.id
       WHERE e.parent_id IS NOT NULL AND e.awaited)
     SELECT DISTINCT p.execution_id AS "executionId", p.key, p.level FROM around AS a
     JOIN ${schema}.step AS t ON t.execution_id = a.id AND t.position = a.position
     JOIN ${schema}.permit AS p ON p.execution_id = a.id AND p.held
       AND ${inScope('t', 'p')}`,
    [step.executionId, step.position],
  );
  return rows;
}
