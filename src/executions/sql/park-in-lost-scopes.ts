import type { Connection } from '../connection.ts';

export interface LostScopes {
  /** The first steps of scopes that had begun and have not ended; their permits went with the failure. */
  readonly scopes: readonly number[];
  /** Of the steps that were asked about, those inside: they wait for the permits now. */
  readonly parked: readonly number[];
}

/**
 * An execution that goes on inside scopes has lost their permits: the steps that could go on at once wait until they are
 * there again. Locks the steps by position; the caller holds the execution's row lock and requests the permits.
 */
export async function parkInLostScopes(
  connection: Connection,
  executionId: string,
  free: readonly number[],
): Promise<LostScopes> {
  const { schema } = connection;
  const { rows } = await connection.query<{ scopes: number[] | null }>(
    `SELECT array_agg(a.position ORDER BY a.position) AS scopes FROM ${schema}.step AS a
     JOIN ${schema}.step AS r ON r.execution_id = a.execution_id
       AND r.position = (a.effects -> 'acquire' ->> 'last')::integer
     WHERE a.execution_id = $1 AND a.effects ? 'acquire' AND a.state = 'succeeded' AND r.state <> 'succeeded'`,
    [executionId],
  );
  const scopes = rows[0]?.scopes ?? [];
  if (scopes.length === 0) return { scopes, parked: [] };
  const parked = await connection.query<{ position: number }>(
    `WITH inside AS MATERIALIZED (
       SELECT s.position FROM ${schema}.step AS s
       WHERE s.execution_id = $1 AND s.position = ANY ($2) AND s.state = 'pending' AND EXISTS (
         SELECT 1 FROM ${schema}.step AS a WHERE a.execution_id = $1 AND a.position = ANY ($3)
           AND (s.position BETWEEN a.position AND (a.effects -> 'acquire' ->> 'last')::integer
             OR s.expanded_by BETWEEN a.position AND (a.effects -> 'acquire' ->> 'last')::integer))
       ORDER BY s.position FOR UPDATE OF s)
     UPDATE ${schema}.step AS s SET state = 'waiting', waiting_for = 'permit', open_predecessors = 0
     FROM inside WHERE s.execution_id = $1 AND s.position = inside.position RETURNING s.position`,
    [executionId, free, scopes],
  );
  return { scopes, parked: parked.rows.map((row) => row.position) };
}
