import type { Connection } from '../connection.ts';

/** Sets the override of a limit, or takes it away where `limit` is null; false when there is no such key. By primary key. */
export async function overrideThrottle(
  connection: Connection,
  change: {
    readonly key: string;
    readonly limit: number | null;
    readonly forMs: number | null;
    readonly by: string | null;
    readonly reason: string | null;
  },
): Promise<boolean> {
  const { schema } = connection;
  const { count } = await connection.query(
    `UPDATE ${schema}.throttle SET max_held_override = $2,
       override_until = CASE WHEN $3::bigint IS NOT NULL THEN ${schema}.clock() + $3 * interval '1 millisecond' END,
       override_by = $4, override_reason = $5
     WHERE key = $1`,
    [change.key, change.limit, change.forMs, change.by, change.reason],
  );
  return count === 1;
}
