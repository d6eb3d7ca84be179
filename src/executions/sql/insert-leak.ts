import { newId } from '../../core/ids.ts';
import type { JsonValue } from '../../core/json.ts';
import { errorJson, type StoredError } from '../../core/stored-error.ts';
import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

export interface NewLeak {
  readonly ref: ResourceRef;
  readonly executionId: string;
  readonly remains: JsonValue;
  readonly error: StoredError;
}

/** Writes down what a forced deletion may have left in the outside system; locks nothing. */
export async function insertLeak(connection: Connection, leak: NewLeak): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.leak (id, resource_type, resource_id, execution_id, remains, error, created_at)
     VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, ${connection.schema}.clock())`,
    [
      newId(),
      leak.ref.type,
      leak.ref.id,
      leak.executionId,
      JSON.stringify(leak.remains),
      JSON.stringify(errorJson(leak.error)),
    ],
  );
}
