import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** What a forced deletion may have left in the outside system. */
export interface Leak {
  readonly id: string;
  readonly resourceType: string;
  readonly resourceId: string;
  readonly executionId: string;
  /** What the executor said that may remain, by default the backend id. */
  readonly remains: JsonValue;
  readonly error: { readonly code: string; readonly message: string };
  readonly createdAt: Date;
  readonly resolvedAt: Date | null;
  readonly resolvedBy: string | null;
  readonly note: string | null;
}

/** Leak records, the oldest first; by the index leak_open where only the open ones are asked for. Locks nothing. */
export async function listLeaks(connection: Connection, options: { readonly resolved: boolean }): Promise<Leak[]> {
  const { rows } = await connection.query<Leak>(
    `SELECT id, resource_type AS "resourceType", resource_id AS "resourceId", execution_id AS "executionId", remains,
       error, created_at AS "createdAt", resolved_at AS "resolvedAt", resolved_by AS "resolvedBy", note
     FROM ${connection.schema}.leak WHERE $1 OR resolved_at IS NULL ORDER BY created_at, id LIMIT 1000`,
    [options.resolved],
  );
  return rows;
}
