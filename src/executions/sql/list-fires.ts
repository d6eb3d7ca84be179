import type { Connection } from '../connection.ts';
import type { Verdict } from './advance-schedules.ts';

export interface FireRow {
  readonly due_at: Date;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly execution_id: string | null;
  readonly fired_at: Date;
}

/** The last verdicts of a schedule, the newest first, by primary key. Locks nothing. */
export async function listFires(connection: Connection, scheduleId: string, limit: number): Promise<FireRow[]> {
  const { rows } = await connection.query<FireRow>(
    `SELECT due_at, verdict, reason, execution_id, fired_at FROM ${connection.schema}.schedule_fire
     WHERE schedule_id = $1 ORDER BY due_at DESC LIMIT $2`,
    [scheduleId, limit],
  );
  return rows;
}
