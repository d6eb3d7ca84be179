import type { Connection } from '../connection.ts';

/**
 * Forgets the remembered run of a key, because one has been started that sees all that the other would have seen. With
 * a token: only that request. Passes over a row that another transaction is changing: that request is newer.
 */
export async function forgetRun(connection: Connection, uniqueKey: string, token: string | null = null): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `DELETE FROM ${schema}.remembered_run WHERE (unique_key, token) IN (
       SELECT unique_key, token FROM ${schema}.remembered_run
       WHERE unique_key = $1 AND ($2::uuid IS NULL OR token = $2) FOR UPDATE SKIP LOCKED)`,
    [uniqueKey, token],
  );
}
