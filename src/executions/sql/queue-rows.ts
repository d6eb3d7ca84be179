import type { Connection } from '../connection.ts';

export interface QueueRow {
  readonly name: string;
  readonly epoch: number;
  readonly paused: boolean;
}

/** Makes the rows of queues that are new; existing ones keep their epoch and pause. */
export async function ensureQueues(connection: Connection, names: readonly string[]): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.queue (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING`,
    [names],
  );
}

/** The rows of the named queues; locks nothing. */
export async function listQueues(connection: Connection, names: readonly string[]): Promise<QueueRow[]> {
  const { rows } = await connection.query<{ name: string; epoch: string; paused: boolean }>(
    `SELECT name, epoch, paused_at IS NOT NULL AS paused FROM ${connection.schema}.queue
     WHERE name = ANY ($1) ORDER BY name`,
    [names],
  );
  return rows.map((row) => ({ name: row.name, epoch: Number(row.epoch), paused: row.paused }));
}

/**
 * Raises the epoch of a queue whose broker has lost it: all of its ready steps are unpublished at once. Compare-and-set
 * on the epoch that was seen, so that many processes that notice the same wipe raise it once.
 */
export async function raiseEpoch(connection: Connection, name: string, seen: number): Promise<boolean> {
  const { count } = await connection.query(
    `UPDATE ${connection.schema}.queue SET epoch = epoch + 1 WHERE name = $1 AND epoch = $2`,
    [name, seen],
  );
  return count === 1;
}
