import type { Connection } from '../connection.ts';

/** One thing that an operator did with an execution. */
export interface OperationView {
  readonly at: Date;
  readonly action: string;
  readonly by: string | null;
  readonly reason: string | null;
  /** The state of the execution before it. */
  readonly from: string;
  /** The step that was skipped. */
  readonly position: number | null;
}

/** What operators did with an execution, oldest first, by the index event_of_execution; locks nothing. */
export async function listOperations(connection: Connection, executionId: string): Promise<OperationView[]> {
  const { rows } = await connection.query<OperationView>(
    `SELECT at, substr(kind, 10) AS action, data->>'by' AS by, data->>'reason' AS reason, data->>'from' AS "from",
       (data->>'position')::integer AS position
     FROM ${connection.schema}.event WHERE execution_id = $1 AND kind LIKE 'operator.%' ORDER BY id`,
    [executionId],
  );
  return rows;
}
