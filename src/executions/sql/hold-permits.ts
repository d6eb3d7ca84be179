import type { Connection } from '../connection.ts';

/** Marks the permits of places as held and counts them; the caller holds the locks of their throttles. */
export async function holdPermits(connection: Connection, places: readonly string[]): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH admitted AS (
       UPDATE ${schema}.permit SET held = true, admitted_at = ${schema}.clock()
       WHERE place = ANY ($1::bigint[]) AND NOT held RETURNING key, shared)
     UPDATE ${schema}.throttle AS t SET held = t.held + counted.count
     FROM (SELECT key, count(*)::integer AS count FROM admitted WHERE NOT shared GROUP BY key) AS counted
     WHERE t.key = counted.key`,
    [places],
  );
}
