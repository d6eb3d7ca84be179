import type { Connection } from '../connection.ts';

/** The executions that wait for an execution: its parent, whose parent, and so on; nearest first. */
export async function listAncestors(connection: Connection, executionId: string): Promise<string[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ id: string }>(
    `WITH RECURSIVE ancestor AS (
       SELECT parent_id AS id, 1 AS distance FROM ${schema}.execution WHERE id = $1 AND parent_id IS NOT NULL AND awaited
       UNION ALL
       SELECT e.parent_id, a.distance + 1 FROM ${schema}.execution AS e JOIN ancestor AS a ON e.id = a.id
       WHERE e.parent_id IS NOT NULL AND e.awaited)
     SELECT id FROM ancestor ORDER BY distance`,
    [executionId],
  );
  return rows.map((row) => row.id);
}
