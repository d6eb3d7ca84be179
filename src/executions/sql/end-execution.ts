import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** Ends an execution; the caller holds its row lock. */
export async function endExecution(
  connection: Connection,
  executionId: string,
  state: 'succeeded' | 'failed',
  error: JsonValue,
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.execution SET state = $2, error = $3::jsonb, finished_at = ${schema}.clock() WHERE id = $1`,
    [executionId, state, error === null ? null : JSON.stringify(error)],
  );
}

/** Marks an execution as failing while other steps of it still run; the caller holds its row lock. */
export async function markFailing(connection: Connection, executionId: string, error: JsonValue): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.execution SET state = 'failing', error = coalesce(error, $2::jsonb) WHERE id = $1`,
    [executionId, JSON.stringify(error)],
  );
}
