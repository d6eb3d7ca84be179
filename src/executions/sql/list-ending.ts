import type { Connection } from '../connection.ts';

/** Executions that are to be ended: nothing of them runs any more, and no child. By the index execution_ending. */
export async function listEnded(connection: Connection, limit: number): Promise<string[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ id: string }>(
    `SELECT e.id FROM ${schema}.execution AS e WHERE e.state IN ('failing', 'canceling')
       AND NOT EXISTS (SELECT 1 FROM ${schema}.step AS s WHERE s.execution_id = e.id AND s.state = 'running')
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution AS c WHERE c.parent_id = e.id AND c.active AND c.awaited)
     LIMIT $1`,
    [limit],
  );
  return rows.map((row) => row.id);
}

/** Live children whose parents are failing or canceling, and that nobody has canceled yet. */
export async function listOrphans(connection: Connection, limit: number): Promise<string[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ id: string }>(
    `SELECT c.id FROM ${schema}.execution AS e JOIN ${schema}.execution AS c ON c.parent_id = e.id
     WHERE e.state IN ('failing', 'canceling') AND c.active AND c.awaited AND c.cancel_requested_at IS NULL LIMIT $1`,
    [limit],
  );
  return rows.map((row) => row.id);
}
