import type { Connection } from '../connection.ts';

/** The live executions of a schedule, the oldest first, by the index execution_of_schedule. Locks nothing. */
export async function listLiveRuns(connection: Connection, scheduleId: string): Promise<string[]> {
  const { rows } = await connection.query<{ id: string }>(
    `SELECT id FROM ${connection.schema}.execution WHERE schedule_id = $1 AND active ORDER BY id`,
    [scheduleId],
  );
  return rows.map(({ id }) => id);
}
