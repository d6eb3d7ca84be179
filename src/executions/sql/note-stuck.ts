import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** Writes an event about what is stuck, unless one says the same since a day ago; answers whether it was written. */
export async function noteStuck(connection: Connection, data: JsonValue): Promise<boolean> {
  const { schema } = connection;
  const { count } = await connection.query(
    `INSERT INTO ${schema}.event (at, kind, data)
     SELECT ${schema}.clock(), 'recovery.stuck', $1::jsonb WHERE NOT EXISTS (
       SELECT 1 FROM ${schema}.event WHERE at > ${schema}.clock() - interval '1 day'
         AND kind = 'recovery.stuck' AND data = $1::jsonb)`,
    [JSON.stringify(data)],
  );
  return count === 1;
}
