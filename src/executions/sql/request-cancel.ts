import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/**
 * Notes that a cancel was asked for. One that runs or is paused becomes `canceling` with the reason as its error; one
 * that is failing already goes on failing, with its own. By primary key; the caller holds the row lock.
 */
export async function requestCancel(connection: Connection, executionId: string, error: JsonValue): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.execution
     SET cancel_requested_at = coalesce(cancel_requested_at, ${schema}.clock()),
       error = CASE WHEN state = 'failing' THEN error ELSE $2::jsonb END,
       state = CASE WHEN state = 'failing' THEN state ELSE 'canceling' END
     WHERE id = $1`,
    [executionId, JSON.stringify(error)],
  );
}
