import type { Connection } from '../connection.ts';

/** Ends the steps of an ending execution whose children have ended; the caller holds its row lock. */
export async function endChildSteps(
  connection: Connection,
  executionId: string,
  state: 'skipped' | 'canceled',
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.step AS s SET state = $2, waiting_for = NULL, finished_at = ${schema}.clock()
     WHERE s.execution_id = $1 AND s.waiting_for = 'child' AND NOT EXISTS (SELECT 1 FROM ${schema}.execution AS c
       WHERE c.parent_id = $1 AND c.parent_position = s.position AND c.active AND c.awaited)`,
    [executionId, state],
  );
}
