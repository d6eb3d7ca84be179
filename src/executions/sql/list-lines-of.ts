import type { Connection } from '../connection.ts';

/** The keys of an execution's permits. */
export async function listPermitKeys(connection: Connection, executionId: string): Promise<string[]> {
  const { rows } = await connection.query<{ key: string }>(
    `SELECT DISTINCT key FROM ${connection.schema}.permit WHERE execution_id = $1`,
    [executionId],
  );
  return rows.map((row) => row.key);
}

/**
 * The keys of the permits of those executions whose scopes may end together with others: without resources, rules, holds
 * and a parent, none of which an execution gets later, but for holds.
 */
export async function listPlainLines(
  connection: Connection,
  executionIds: readonly string[],
): Promise<{ readonly keys: readonly string[]; readonly plain: ReadonlySet<string> }> {
  const { schema } = connection;
  const { rows } = await connection.query<{ execution_id: string; key: string }>(
    `SELECT p.execution_id, p.key FROM ${schema}.permit AS p JOIN ${schema}.execution AS e ON e.id = p.execution_id
     WHERE p.execution_id = ANY ($1) AND e.parent_id IS NULL
       AND NOT EXISTS (SELECT 1 FROM ${schema}.permit AS h WHERE h.execution_id = e.id AND h.resource_type IS NOT NULL)
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource AS r WHERE r.execution_id = e.id)
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_rule AS r WHERE r.execution_id = e.id)`,
    [executionIds],
  );
  return { keys: [...new Set(rows.map(({ key }) => key))], plain: new Set(rows.map((row) => row.execution_id)) };
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
