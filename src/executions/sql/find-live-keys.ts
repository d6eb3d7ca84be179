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
