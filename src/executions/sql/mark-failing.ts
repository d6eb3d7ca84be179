import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/** Marks an execution as failing while other steps of it still run; the caller holds its row lock. */
export async function markFailing(connection: Connection, executionId: string, error: JsonValue): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.execution SET state = 'failing', error = coalesce(error, $2::jsonb) WHERE id = $1`,
    [executionId, JSON.stringify(error)],
  );
}
