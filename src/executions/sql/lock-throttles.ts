import type { Connection } from '../connection.ts';

/**
 * Locks the throttles of keys, by key: the first lock of every transaction that takes any. What nobody has asked for
 * before gets its row here, with the limit that its newest request brought.
 */
export async function lockThrottles(connection: Connection, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  const { schema } = connection;
  const lock = `SELECT key FROM ${schema}.throttle WHERE key = ANY ($1) ORDER BY key FOR UPDATE`;
  const found = await connection.query<{ key: string }>(lock, [keys]);
  if (found.rows.length === keys.length) return;
  await connection.query(
    `INSERT INTO ${schema}.throttle (key, name, max_held, level)
     SELECT DISTINCT ON (key) key, name, max_held, level FROM ${schema}.permit WHERE key = ANY ($1)
     ORDER BY key, place DESC ON CONFLICT DO NOTHING`,
    [keys],
  );
  await connection.query(lock, [keys]);
}
