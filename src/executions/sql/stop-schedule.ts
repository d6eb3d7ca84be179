import { errorJson, type StoredError } from '../../core/stored-error.ts';
import type { Connection } from '../connection.ts';

/** Disables a schedule that cannot go on, with the reason; an edit or a resume enables it again. By primary key. */
export async function stopSchedule(connection: Connection, id: string, error: StoredError): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.schedule SET last_error = $2::jsonb, enabled = false WHERE id = $1`,
    [id, JSON.stringify(errorJson(error))],
  );
}
