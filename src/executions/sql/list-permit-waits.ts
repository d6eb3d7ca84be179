import type { Connection } from '../connection.ts';
import { liveOverride } from './throttle-limit.ts';

/** One permit that a step waits for. */
export interface PermitWait {
  readonly key: string;
  readonly limit: number;
  readonly held: number;
  /** How many stand in front of it in the line. */
  readonly ahead: number;
  readonly requestedAt: Date;
  /** Up to five of those who hold one. */
  readonly holders: readonly { readonly executionId: string; readonly executor: string }[];
  readonly resource: { readonly type: string; readonly id: string } | null;
}

/** What a step waits for in the lines of throttles, its own scope or those around it; locks nothing. */
export async function listPermitWaits(
  connection: Connection,
  executionId: string,
  position: number,
): Promise<PermitWait[]> {
  const { schema } = connection;
  const { rows } = await connection.query<PermitWait>(
    `SELECT p.key, p.requested_at AS "requestedAt", coalesce(t.held, 0) AS held,
       coalesce(${liveOverride(schema)}, t.max_held, p.max_held) AS "limit",
       (SELECT count(*)::integer FROM ${schema}.permit AS o
         WHERE o.key = p.key AND NOT o.held AND NOT o.shared AND o.place < p.place) AS ahead,
       coalesce((SELECT jsonb_agg(h) FROM (SELECT e.id AS "executionId", e.executor FROM ${schema}.permit AS o
         JOIN ${schema}.execution AS e ON e.id = o.execution_id
         WHERE o.key = p.key AND o.held AND NOT o.shared ORDER BY o.admitted_at LIMIT 5) AS h), '[]') AS holders,
       CASE WHEN p.resource_type IS NOT NULL
         THEN jsonb_build_object('type', p.resource_type, 'id', p.resource_id) END AS resource
     FROM ${schema}.permit AS p LEFT JOIN ${schema}.throttle AS t ON t.key = p.key
     WHERE p.execution_id = $1 AND NOT p.held AND NOT p.shared AND $2 BETWEEN p.position AND p.last_position
     ORDER BY p.position, p.key`,
    [executionId, position],
  );
  return rows;
}
