import type { Connection } from '../connection.ts';
import { knownToBeat, type KnownToBeat } from './claim-due-schedule.ts';
import { scheduleColumns, type ScheduleRow } from './schedule-row.ts';

/** A due schedule, and whether a run of it is alive. */
export interface DueSchedule extends ScheduleRow {
  readonly has_live_run: boolean;
}

/**
 * Locks the schedules that have been due for longest, by the index schedule_due; those that another beat holds are
 * passed over.
 */
export async function claimDueSchedules(
  connection: Connection,
  known: KnownToBeat,
  limit: number,
): Promise<DueSchedule[]> {
  const { schema } = connection;
  const { rows } = await connection.query<DueSchedule>(
    `SELECT ${scheduleColumns(schema)},
       EXISTS (SELECT 1 FROM ${schema}.execution AS e WHERE e.schedule_id = s.id AND e.active) AS has_live_run
     FROM ${schema}.schedule AS s
     WHERE s.enabled AND s.next_due_at <= ${schema}.clock() AND ${knownToBeat}
     ORDER BY s.next_due_at LIMIT $4 FOR UPDATE OF s SKIP LOCKED`,
    [known.schedules, known.tasks, known.executors, limit],
  );
  return rows;
}
