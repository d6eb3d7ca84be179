import type { Connection } from '../connection.ts';

/** In how many milliseconds a delayed step is due or a lease is over; null when neither is. Locks nothing. */
export async function nextChangeIn(connection: Connection): Promise<number | null> {
  const { schema } = connection;
  const { rows } = await connection.query<{ ms: number | null }>(
    `SELECT (extract(epoch FROM min(at) - ${schema}.clock()) * 1000)::float8 AS ms FROM (
       SELECT s.run_at AS at FROM ${schema}.step AS s JOIN ${schema}.execution AS e ON e.id = s.execution_id
       WHERE s.state = 'delayed' AND e.state = 'running'
       UNION ALL
       SELECT lease_until FROM ${schema}.step WHERE state = 'running') AS change`,
  );
  return rows[0]?.ms ?? null;
}
