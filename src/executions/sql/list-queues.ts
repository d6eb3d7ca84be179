import type { Connection } from '../connection.ts';

export interface QueueRow {
  readonly name: string;
  readonly epoch: number;
  readonly paused: boolean;
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
