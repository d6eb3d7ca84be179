import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { ExecutionState } from '../states.ts';

export interface LockedExecution {
  readonly state: ExecutionState;
  readonly error: JsonValue;
  readonly executor: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly uniqueKey: string | null;
  readonly exclusive: boolean;
  readonly priority: number;
  /** Whether its end has rules for other resources. */
  readonly hasRules: boolean;
}

/**
 * Locks the execution row: `share` for what only moves a chain on, `update` for what may end it, which leaves the end of
 * a child free to check its foreign key. By primary key; undefined when there is none.
 */
export async function lockExecution(
  connection: Connection,
  executionId: string,
  mode: 'share' | 'update',
): Promise<LockedExecution | undefined> {
  const { rows } = await connection.query<LockedExecution>(
    `SELECT state, error, executor, resource_type AS "resourceType", resource_id AS "resourceId",
       unique_key AS "uniqueKey", exclusive, priority,
       EXISTS (SELECT 1 FROM ${connection.schema}.execution_rule AS r WHERE r.execution_id = $1) AS "hasRules"
     FROM ${connection.schema}.execution WHERE id = $1 FOR ${mode === 'share' ? 'SHARE' : 'NO KEY UPDATE'}`,
    [executionId],
  );
  return rows[0];
}
