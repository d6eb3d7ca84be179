import type { Connection } from '../connection.ts';

/** Ends executions well whose end is nothing but their own row, and tells of it; the caller has locked them. */
export async function endExecutions(connection: Connection, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const { schema } = connection;
  await connection.query(
    `WITH ended AS (
       UPDATE ${schema}.execution SET state = 'succeeded', error = NULL, finished_at = ${schema}.clock()
       WHERE id = ANY ($1) RETURNING id, resource_type, resource_id, finished_at)
     INSERT INTO ${schema}.event (at, kind, execution_id, resource_type, resource_id, data)
     SELECT finished_at, 'execution.succeeded', id, resource_type, resource_id, '{}' FROM ended`,
    [ids],
  );
}
