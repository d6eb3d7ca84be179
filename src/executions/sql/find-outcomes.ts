import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { ExecutionState } from '../states.ts';

export interface OutcomeRow {
  readonly id: string;
  readonly state: ExecutionState;
  readonly error: { readonly code: string; readonly message: string; readonly traceback: string } | null;
  /** Of the last step that is no join, once the execution has succeeded; null before. */
  readonly result: JsonValue;
}

/** How executions are, by primary key; those that do not exist are left out. Locks nothing. */
export async function findOutcomes(connection: Connection, ids: readonly string[]): Promise<OutcomeRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<OutcomeRow>(
    `SELECT e.id, e.state, e.error, CASE WHEN e.state = 'succeeded' THEN
       (SELECT s.result FROM ${schema}.step AS s WHERE s.execution_id = e.id AND s.kind <> 'join'
        ORDER BY s.position DESC LIMIT 1) END AS result
     FROM ${schema}.execution AS e WHERE e.id = ANY ($1)`,
    [ids],
  );
  return rows;
}
