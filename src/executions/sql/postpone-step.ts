import type { Connection } from '../connection.ts';

/**
 * `ready → delayed` for a step that this worker cannot run, so that another one finds it after `delayMs`. Locks the
 * step row alone; false when it is no longer ready or of another delivery.
 */
export async function postponeStep(
  connection: Connection,
  step: { readonly executionId: string; readonly position: number; readonly delivery: number },
  delayMs: number,
): Promise<boolean> {
  const { schema } = connection;
  const { count } = await connection.query(
    `UPDATE ${schema}.step SET state = 'delayed', run_at = ${schema}.clock() + $4 * interval '1 millisecond'
     WHERE execution_id = $1 AND position = $2 AND delivery = $3 AND state = 'ready'`,
    [step.executionId, step.position, step.delivery, delayMs],
  );
  return count === 1;
}
