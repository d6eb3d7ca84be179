import type { Connection } from '../connection.ts';
import { knownToBeat, type KnownToBeat } from './claim-due-schedule.ts';
import { waitsNoLonger } from './look-at-schedules.ts';
import { scheduleColumns, type ScheduleRow } from './schedule-row.ts';

/**
 * Locks a schedule with a due time that waits (overlap `bufferOne`) and no live run any more, by the index
 * schedule_waiting; those that another beat holds are passed over. Undefined when there is none.
 */
export async function claimWaitingSchedule(
  connection: Connection,
  known: KnownToBeat,
): Promise<ScheduleRow | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ScheduleRow>(
    `SELECT ${scheduleColumns(schema)} FROM ${schema}.schedule AS s
     WHERE ${waitsNoLonger(schema)} AND ${knownToBeat}
     ORDER BY s.waiting_due_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED`,
    [known.schedules, known.tasks, known.executors],
  );
  return rows[0];
}
