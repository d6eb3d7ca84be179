import type { Connection } from '../connection.ts';

/** A pull of a resource that fails: what is known of the resource may be old. */
export interface ResourceMark {
  readonly resourceType: string;
  readonly resourceId: string;
  /** The pull task that fails. */
  readonly task: string;
  readonly error: { readonly code: string; readonly message: string; readonly traceback: string };
  /** The execution of the last failure. */
  readonly executionId: string;
  /** Failed attempts since the last success. */
  readonly failures: number;
  readonly since: Date;
  readonly failedAt: Date;
}

export interface MarkFilter {
  readonly type?: string;
  readonly id?: string;
  /** Default 100. */
  readonly limit?: number;
}

/** Marks of resources, the newest failure first, by the index resource_mark_newest or by primary key. Locks nothing. */
export async function listMarks(connection: Connection, filter: MarkFilter): Promise<ResourceMark[]> {
  const { rows } = await connection.query<ResourceMark>(
    `SELECT resource_type AS "resourceType", resource_id AS "resourceId", task, error, execution_id AS "executionId",
       failures, since, failed_at AS "failedAt"
     FROM ${connection.schema}.resource_mark
     WHERE ($1::text IS NULL OR resource_type = $1) AND ($2::text IS NULL OR resource_id = $2)
     ORDER BY failed_at DESC, resource_type, resource_id, task LIMIT $3`,
    [filter.type ?? null, filter.id ?? null, filter.limit ?? 100],
  );
  return rows;
}
