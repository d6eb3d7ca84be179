import type { Connection } from '../connection.ts';
import { liveOverride } from './throttle-limit.ts';

/**
 * The keys at which somebody waits and could be admitted: there is room, or nobody has asked before. Jumps from key to
 * key in the index permit_line, so it costs as many steps as there are lines, however long they are.
 */
export async function listWaitingKeys(
  connection: Connection,
  { after, limit }: { readonly after: string; readonly limit: number },
): Promise<string[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{ key: string }>(
    `WITH RECURSIVE line AS (
       (SELECT key FROM ${schema}.permit WHERE NOT held AND NOT shared AND key > $2 ORDER BY key LIMIT 1)
       UNION ALL
       SELECT (SELECT p.key FROM ${schema}.permit AS p WHERE NOT p.held AND NOT p.shared AND p.key > line.key
         ORDER BY p.key LIMIT 1) FROM line WHERE line.key IS NOT NULL)
     SELECT line.key FROM line LEFT JOIN ${schema}.throttle AS t USING (key)
     WHERE line.key IS NOT NULL AND (t.key IS NULL OR t.held < coalesce(${liveOverride(schema)}, greatest(t.max_held, (SELECT p.max_held
       FROM ${schema}.permit AS p WHERE p.key = line.key AND NOT p.held AND NOT p.shared ORDER BY p.place DESC LIMIT 1))))
     UNION
     SELECT DISTINCT key FROM ${schema}.permit WHERE NOT held AND shared AND key > $2
     ORDER BY key LIMIT $1`,
    [limit, after],
  );
  return rows.map((row) => row.key);
}
