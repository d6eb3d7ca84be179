import type { Connection } from '../connection.ts';

/** Frees an idempotency key whose lifetime is over, so that it may name a new request. By its unique index. */
export async function expireIdempotencyKey(connection: Connection, key: string): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.execution SET idempotency_key = NULL, idempotency_until = NULL
     WHERE idempotency_key = $1 AND idempotency_until <= ${connection.schema}.clock()`,
    [key],
  );
}
