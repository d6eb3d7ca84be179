import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** Ends an execution; the caller holds its row lock. */
export async function endExecution(
  connection: Connection,
  executionId: string,
  state: 'succeeded' | 'failed' | 'canceled',
  error: JsonValue,
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.execution SET state = $2, error = $3::jsonb, finished_at = ${schema}.clock() WHERE id = $1`,
    [executionId, state, error === null ? null : JSON.stringify(error)],
  );
}
