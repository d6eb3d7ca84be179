import type { Connection } from '../connection.ts';

/** Makes the rows of queues that are new; existing ones keep their epoch and pause. */
export async function ensureQueues(connection: Connection, names: readonly string[]): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.queue (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`,
    [names],
  );
}
