import type { Connection } from '../connection.ts';

/** Marks an execution as a run of a schedule that was asked for by hand, so that overlap counts it. By primary key. */
export async function tieRunToSchedule(connection: Connection, executionId: string, scheduleId: string): Promise<void> {
  await connection.query(`UPDATE ${connection.schema}.execution SET schedule_id = $2 WHERE id = $1`, [
    executionId,
    scheduleId,
  ]);
}
