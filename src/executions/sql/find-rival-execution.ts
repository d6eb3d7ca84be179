import type { Connection } from '../connection.ts';

export interface RivalExecution {
  readonly id: string;
  readonly executor: string;
  readonly request_hash: string | null;
  readonly by: 'idempotency_key' | 'unique_key' | 'resource';
}

/**
 * The execution that an insert collided with: by idempotency key first, then unique key, then resource. Reads by the
 * partial unique indexes and locks nothing; undefined when the rival has ended in the meantime.
 */
export async function findRivalExecution(
  connection: Connection,
  keys: {
    readonly idempotencyKey: string | null;
    readonly uniqueKey: string | null;
    readonly resourceType: string | null;
    readonly resourceId: string | null;
  },
): Promise<RivalExecution | undefined> {
  const table = `${connection.schema}.execution`;
  const { rows } = await connection.query<RivalExecution>(
    `SELECT id, executor, request_hash, 'idempotency_key' AS by, 1 AS rank FROM ${table} WHERE idempotency_key = $1
     UNION ALL
     SELECT id, executor, request_hash, 'unique_key', 2 FROM ${table} WHERE active AND unique_key = $2
     UNION ALL
     SELECT id, executor, request_hash, 'resource', 3 FROM ${table}
     WHERE active AND exclusive AND resource_type = $3 AND resource_id = $4
     ORDER BY rank LIMIT 1`,
    [keys.idempotencyKey, keys.uniqueKey, keys.resourceType, keys.resourceId],
  );
  return rows[0];
}
