import type { Connection } from '../connection.ts';

/**
 * The live execution of each unique key that has one, by their partial unique index. Locks nothing, waits for nobody and
 * cannot be refused.
 */
export async function findLiveKeys(
  connection: Connection,
  uniqueKeys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await connection.query<{ unique_key: string; id: string }>(
    `SELECT unique_key, id FROM ${connection.schema}.execution WHERE active AND unique_key = ANY ($1)`,
    [uniqueKeys],
  );
  return new Map(rows.map((row) => [row.unique_key, row.id]));
}

/**
 * The same; where somebody is just starting one of the keys, it waits for the end of that statement, up to the lock
 * timeout of the connection (55P03). The database's function look_for_keys, so that it is one round trip.
 */
export async function lookForKeys(
  connection: Connection,
  uniqueKeys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await connection.query<{ live_key: string; live_id: string }>(
    `SELECT live_key, live_id FROM ${connection.schema}.look_for_keys($1)`,
    [uniqueKeys],
  );
  return new Map(rows.map((row) => [row.live_key, row.live_id]));
}
