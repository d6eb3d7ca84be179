import type { Connection } from '../connection.ts';
import { knownToBeat, type KnownToBeat } from './claim-due-schedule.ts';

export interface SchedulesLook {
  /** Milliseconds until the next schedule is due, negative when it is overdue; null when none ever is. */
  readonly dueMs: number | null;
  /** Whether a due time that has waited for the end of the run before it can be fired. */
  readonly isWaiting: boolean;
}

/** What a beat may have to do next, by the indexes schedule_due and schedule_waiting. Locks nothing. */
export async function lookAtSchedules(connection: Connection, known: KnownToBeat): Promise<SchedulesLook> {
  const { schema } = connection;
  const { rows } = await connection.query<{ due_ms: number | null; is_waiting: boolean }>(
    `SELECT (SELECT (extract(epoch FROM s.next_due_at - ${schema}.clock()) * 1000)::float8 FROM ${schema}.schedule AS s
       WHERE s.enabled AND s.next_due_at IS NOT NULL AND ${knownToBeat} ORDER BY s.next_due_at LIMIT 1) AS due_ms,
       EXISTS (SELECT 1 FROM ${schema}.schedule AS s WHERE ${waitsNoLonger(schema)} AND ${knownToBeat}) AS is_waiting`,
    [known.schedules, known.tasks, known.executors],
  );
  const [row] = rows;
  return { dueMs: row?.due_ms ?? null, isWaiting: row?.is_waiting ?? false };
}

/** The condition, on the table under the alias `s`, of a due time that waits (overlap `bufferOne`) for a run that has ended. */
export function waitsNoLonger(schema: string): string {
  return `s.waiting_due_at IS NOT NULL AND s.enabled
    AND NOT EXISTS (SELECT 1 FROM ${schema}.execution AS e WHERE e.schedule_id = s.id AND e.active)`;
}
