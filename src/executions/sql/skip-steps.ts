import type { Connection } from '../connection.ts';

/** Makes a range of steps that wait for a gate `skipped`: the side that was not taken. Locks them by position. */
export async function skipSteps(
  connection: Connection,
  executionId: string,
  [first, last]: readonly [number, number],
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH side AS MATERIALIZED (
       SELECT position FROM ${schema}.step
       WHERE execution_id = $1 AND position BETWEEN $2 AND $3 AND state = 'pending' ORDER BY position FOR UPDATE)
     UPDATE ${schema}.step AS s SET state = 'skipped', finished_at = ${schema}.clock()
     FROM side WHERE s.execution_id = $1 AND s.position = side.position`,
    [executionId, first, last],
  );
}
