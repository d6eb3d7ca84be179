import type { Connection } from '../connection.ts';

/** For how long an execution was allowed to go on, in milliseconds, where that is over; by primary key. */
export async function overdueSpan(connection: Connection, executionId: string): Promise<number | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<{ ms: number }>(
    `SELECT (extract(epoch FROM deadline_at - created_at) * 1000)::float8 AS ms FROM ${schema}.execution
     WHERE id = $1 AND active AND deadline_at <= ${schema}.clock()`,
    [executionId],
  );
  return rows[0]?.ms;
}
