import type { Connection } from '../connection.ts';

/**
 * Locks those of the executions that run, that nobody holds, and whose end is nothing but their own row: without
 * resources, rules and a parent. Waits for nobody.
 */
export async function lockPlainExecutions(connection: Connection, ids: readonly string[]): Promise<Set<string>> {
  const { schema } = connection;
  const { rows } = await connection.query<{ id: string }>(
    `SELECT e.id FROM ${schema}.execution AS e
     WHERE e.id = ANY ($1) AND e.state = 'running' AND e.parent_id IS NULL
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource AS r WHERE r.execution_id = e.id)
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_rule AS r WHERE r.execution_id = e.id)
     ORDER BY e.id FOR NO KEY UPDATE OF e SKIP LOCKED`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}
