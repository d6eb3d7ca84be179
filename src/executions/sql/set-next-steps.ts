import type { Connection } from '../connection.ts';

/** Changes what comes behind a step; by primary key, in the completion that ends it. */
export async function setNextSteps(
  connection: Connection,
  executionId: string,
  position: number,
  next: readonly number[],
): Promise<void> {
  await connection.query(`UPDATE ${connection.schema}.step SET next = $3 WHERE execution_id = $1 AND position = $2`, [
    executionId,
    position,
    next,
  ]);
}
