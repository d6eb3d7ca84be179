import type { Connection } from '../connection.ts';
import { scheduleColumns, type ScheduleRow } from './schedule-row.ts';

/** What a beat may fire: code-owned schedules that its code defines, and operators' ones whose target it knows. */
export interface KnownToBeat {
  readonly schedules: readonly string[];
  readonly tasks: readonly string[];
  readonly executors: readonly string[];
}

/** The condition of {@link KnownToBeat} on the table under the alias `s`; its three lists are the parameters from `$1`. */
export const knownToBeat = `((s.owner = 'code' AND s.name = ANY ($1)) OR (s.owner = 'operator'
  AND s.executor = ANY (CASE s.target_kind WHEN 'task' THEN $2::text[] ELSE $3::text[] END)))`;

/**
 * Locks the schedule that has been due for longest, by the index schedule_due; those that another beat holds are passed
 * over. Undefined when none is due.
 */
export async function claimDueSchedule(connection: Connection, known: KnownToBeat): Promise<ScheduleRow | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ScheduleRow>(
    `SELECT ${scheduleColumns(schema)} FROM ${schema}.schedule AS s
     WHERE s.enabled AND s.next_due_at <= ${schema}.clock() AND ${knownToBeat}
     ORDER BY s.next_due_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
    [known.schedules, known.tasks, known.executors],
  );
  return rows[0];
}
