import type { Connection } from '../connection.ts';
import { liveOverride } from './throttle-limit.ts';

export interface Room {
  /** How many more may be admitted; negative after the limit was lowered. */
  readonly room: number;
  readonly held: number;
}

/**
 * How many more each key may admit; negative after its limit was lowered. The caller holds the throttles' locks, taken
 * in an earlier statement: counted in the same one it admits one too many. The limit is an operator's override, else
 * that of the newest request in line.
 */
export async function listRoom(connection: Connection, keys: readonly string[]): Promise<Map<string, Room>> {
  const { schema } = connection;
  const { rows } = await connection.query<Room & { readonly key: string }>(
    `WITH newest AS (
       SELECT wanted.key, (SELECT p.max_held FROM ${schema}.permit AS p
         WHERE p.key = wanted.key AND NOT p.held AND NOT p.shared ORDER BY p.place DESC LIMIT 1) AS max_held
       FROM unnest($1::text[]) AS wanted(key)),
     changed AS (
       UPDATE ${schema}.throttle AS t SET max_held = newest.max_held FROM newest
       WHERE t.key = newest.key AND newest.max_held <> t.max_held RETURNING t.key, t.max_held)
     SELECT t.key, coalesce(${liveOverride(schema)}, changed.max_held, t.max_held) - t.held AS room, t.held
     FROM ${schema}.throttle AS t LEFT JOIN changed USING (key) WHERE t.key = ANY ($1)`,
    [keys],
  );
  return new Map(rows.map(({ key, room, held }) => [key, { room, held }]));
}
