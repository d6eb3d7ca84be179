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
 * The live execution of one key. Where somebody is just starting it, it waits for the end of that statement, up to the
 * lock timeout that is given (55P03). It holds nothing but the lock of that key, and for a moment, so no circle of
 * waiting can close. The database's function `look_for_key`, so that it is one round trip.
 */
export async function lookForKey(
  connection: Connection,
  uniqueKey: string,
  lockTimeoutMs: number,
): Promise<string | undefined> {
  const { rows } = await connection.query<{ live: string | null }>(
    `SELECT ${connection.schema}.look_for_key($1, $2) AS live`,
    [uniqueKey, `${lockTimeoutMs}ms`],
  );
  return rows[0]?.live ?? undefined;
}
