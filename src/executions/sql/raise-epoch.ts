import type { Connection } from '../connection.ts';

/**
 * Raises the epoch of a queue whose broker has lost it: all of its ready steps are unpublished at once. Compare-and-set
 * on the epoch that was seen, so that many processes that notice the same wipe raise it once.
 */
export async function raiseEpoch(connection: Connection, name: string, seen: number): Promise<boolean> {
  const { count } = await connection.query(
    `UPDATE ${connection.schema}.queue SET epoch = epoch + 1 WHERE name = $1 AND epoch = $2`,
    [name, seen],
  );
  return count === 1;
}
