import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** What a step has added to its plan: the data, and the first position; null where it has added nothing. */
export async function findExpansion(
  connection: Connection,
  executionId: string,
  position: number,
): Promise<{ readonly data: JsonValue; readonly base: number | null } | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<{ data: JsonValue; base: number | null }>(
    `SELECT result AS data, (SELECT min(a.position) FROM ${schema}.step AS a
       WHERE a.execution_id = $1 AND a.expanded_by = $2) AS base
     FROM ${schema}.step WHERE execution_id = $1 AND position = $2`,
    [executionId, position],
  );
  return rows[0];
}

/** The number that the next step of an execution has. */
export async function findNextPosition(connection: Connection, executionId: string): Promise<number> {
  const { rows } = await connection.query<{ next: number }>(
    `SELECT max(position) + 1 AS next FROM ${connection.schema}.step WHERE execution_id = $1`,
    [executionId],
  );
  return rows[0]?.next ?? 0;
}
