import type { Connection } from '../connection.ts';

/** Lets the step that waits for this execution go on, if there is one; locks that step row alone. */
export async function wakeParentStep(connection: Connection, executionId: string): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.step AS s SET state = 'delayed', waiting_for = NULL, run_at = ${schema}.clock()
     FROM ${schema}.execution AS e
     WHERE e.id = $1 AND s.execution_id = e.parent_id AND s.position = e.parent_position
       AND s.state = 'waiting' AND s.waiting_for = 'child'`,
    [executionId],
  );
}
