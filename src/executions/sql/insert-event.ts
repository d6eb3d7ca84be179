import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { ResourceRef } from '../resource-writes.ts';

export interface NewEvent {
  /** `execution.scheduled`, `execution.succeeded`, `execution.failed`, `resource.transition`, `operator.…`. */
  readonly kind: string;
  readonly executionId?: string;
  readonly resource?: ResourceRef;
  readonly data?: JsonValue;
}

/** Appends to the audit in the same transaction as what it tells; locks nothing. */
export async function insertEvent(connection: Connection, event: NewEvent): Promise<void> {
  await connection.query(
    `INSERT INTO ${connection.schema}.event (at, kind, execution_id, resource_type, resource_id, data)
     VALUES (${connection.schema}.clock(), $1, $2, $3, $4, $5::jsonb)`,
    [
      event.kind,
      event.executionId ?? null,
      event.resource?.type ?? null,
      event.resource?.id ?? null,
      JSON.stringify(event.data ?? {}),
    ],
  );
}
