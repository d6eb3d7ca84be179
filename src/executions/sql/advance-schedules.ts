import type { Connection } from '../connection.ts';

export interface ScheduleAdvance {
  readonly id: string;
  readonly nextDueAt: Date | null;
  readonly lastDueAt: Date | null;
  readonly waitingDueAt: Date | null;
  /** How many executions were started. */
  readonly started: number;
}

/** Moves schedules on to their next due times, in one statement. By primary key; the caller holds their locks. */
export async function advanceSchedules(connection: Connection, advances: readonly ScheduleAdvance[]): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.schedule AS s
     SET next_due_at = a.next, last_due_at = a.last, waiting_due_at = a.waiting, runs = s.runs + a.started
     FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[])
       AS a(id, next, last, waiting, started)
     WHERE s.id = a.id`,
    [
      advances.map(({ id }) => id),
      advances.map(({ nextDueAt }) => nextDueAt),
      advances.map(({ lastDueAt }) => lastDueAt),
      advances.map(({ waitingDueAt }) => waitingDueAt),
      advances.map(({ started }) => started),
    ],
  );
}
