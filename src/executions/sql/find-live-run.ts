import type { Connection } from '../connection.ts';

/** The live execution of a schedule, the oldest of several, by the index execution_of_schedule. Locks nothing. */
export async function findLiveRun(connection: Connection, scheduleId: string): Promise<string | undefined> {
  const { rows } = await connection.query<{ id: string }>(
    `SELECT id FROM ${connection.schema}.execution WHERE schedule_id = $1 AND active ORDER BY id LIMIT 1`,
    [scheduleId],
  );
  return rows[0]?.id;
}
