import type { Connection } from '../connection.ts';

/**
 * `failed | canceled → running`: no error, no cancel, no end, and as much time as at first. By primary key; the caller holds the row lock. Refused by
 * the partial unique indexes (23505) where a rival with the same unique key or exclusive resource is alive.
 */
export async function reopenExecution(connection: Connection, executionId: string): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.execution
     SET state = 'running', error = NULL, cancel_requested_at = NULL, finished_at = NULL,
       deadline_at = ${schema}.clock() + (deadline_at - created_at)
     WHERE id = $1`,
    [executionId],
  );
}
