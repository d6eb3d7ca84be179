import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

export interface RememberedRun {
  readonly unique_key: string;
  readonly task: string;
  readonly request: JsonValue;
  readonly token: string;
}

/** Remembered runs of known tasks whose key has no live execution any more, the oldest first. Locks nothing. */
export async function listRememberedRuns(
  connection: Connection,
  tasks: readonly string[],
  limit: number,
): Promise<RememberedRun[]> {
  const { schema } = connection;
  const { rows } = await connection.query<RememberedRun>(
    `SELECT m.unique_key, m.task, m.request, m.token FROM ${schema}.remembered_run AS m
     WHERE m.task = ANY ($1)
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution AS e WHERE e.active AND e.unique_key = m.unique_key)
     ORDER BY m.asked_at LIMIT $2`,
    [tasks, limit],
  );
  return rows;
}
