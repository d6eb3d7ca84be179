import type { Connection } from '../connection.ts';

/** The keys of an execution's permits. */
export async function listPermitKeys(connection: Connection, executionId: string): Promise<string[]> {
  const { rows } = await connection.query<{ key: string }>(
    `SELECT DISTINCT key FROM ${connection.schema}.permit WHERE execution_id = $1`,
    [executionId],
  );
  return rows.map((row) => row.key);
}

/** The keys of the permits of many executions, and which of them hold, or want to hold, a resource. */
export async function listPermitKeysOf(
  connection: Connection,
  executionIds: readonly string[],
): Promise<{ readonly keys: readonly string[]; readonly holding: ReadonlySet<string> }> {
  const { rows } = await connection.query<{ execution_id: string; key: string; holds: boolean }>(
    `SELECT execution_id, key, bool_or(resource_type IS NOT NULL) AS holds FROM ${connection.schema}.permit
     WHERE execution_id = ANY ($1) GROUP BY execution_id, key`,
    [executionIds],
  );
  const holding = new Set(rows.flatMap((row) => (row.holds ? [row.execution_id] : [])));
  const keys = rows.flatMap((row) => (holding.has(row.execution_id) ? [] : [row.key]));
  return { keys: [...new Set(keys)], holding };
}

/** The keys, and all keys of those who stand first in their lines: what must be locked to hand a permit on. */
export async function listKeysWithHeads(connection: Connection, keys: readonly string[]): Promise<string[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ key: string }>(
    `SELECT unnest($1::text[]) AS key UNION
     SELECT p.key FROM ${schema}.permit AS p WHERE p.place IN (
       SELECT head.place FROM unnest($1::text[]) AS wanted(key) CROSS JOIN LATERAL (
         SELECT h.place FROM ${schema}.permit AS h JOIN ${schema}.execution AS e ON e.id = h.execution_id
         WHERE h.key = wanted.key AND NOT h.held AND NOT h.shared AND e.state = 'running'
         ORDER BY h.place LIMIT 20) AS head)`,
    [keys],
  );
  return rows.map((row) => row.key);
}
