import type { Connection } from '../connection.ts';

/** The awaited children of an execution that have not ended, by the index execution_children; locks nothing. */
export async function listLiveChildren(connection: Connection, executionId: string): Promise<string[]> {
  const { rows } = await connection.query<{ id: string }>(
    `SELECT id FROM ${connection.schema}.execution WHERE parent_id = $1 AND active AND awaited ORDER BY parent_position`,
    [executionId],
  );
  return rows.map((row) => row.id);
}
