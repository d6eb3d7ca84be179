import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

/**
 * Remembers that a background task is to run once more when the live one has ended; a later request takes the place of
 * an earlier one. Waits for another transaction that asks for the same.
 */
export async function rememberRun(
  connection: Connection,
  run: { readonly uniqueKey: string; readonly task: string; readonly request: JsonValue },
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `INSERT INTO ${schema}.remembered_run AS m (unique_key, task, request, token, asked_at, times)
     VALUES ($1, $2, $3::jsonb, gen_random_uuid(), ${schema}.clock(), 1)
     ON CONFLICT (unique_key) DO UPDATE SET request = excluded.request, token = excluded.token,
       asked_at = excluded.asked_at, times = m.times + 1`,
    [run.uniqueKey, run.task, JSON.stringify(run.request)],
  );
}
