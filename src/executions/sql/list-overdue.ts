import type { Connection } from '../connection.ts';

/** Of an execution whose deadline still counts: nobody has canceled it yet. */
export const hasDeadline = 'active AND deadline_at IS NOT NULL AND cancel_requested_at IS NULL';

/**
 * Live executions past their deadline that nobody has canceled yet, parents before their children, and in how many
 * milliseconds the next one is (null when none has a deadline). By the index execution_deadline; locks nothing.
 */
export async function listOverdue(
  connection: Connection,
  limit: number,
): Promise<{ readonly ids: readonly string[]; readonly nextMs: number | null }> {
  const { schema } = connection;
  const { rows } = await connection.query<{ id: string; ms: number }>(
    `SELECT id, (extract(epoch FROM deadline_at - ${schema}.clock()) * 1000)::float8 AS ms FROM ${schema}.execution
     WHERE ${hasDeadline} ORDER BY deadline_at, id LIMIT $1`,
    [limit],
  );
  const next = rows.find(({ ms }) => ms > 0);
  return { ids: rows.filter(({ ms }) => ms <= 0).map(({ id }) => id), nextMs: next?.ms ?? null };
}
