import type { Connection } from '../connection.ts';

export interface ScheduleAdvance {
  readonly id: string;
  readonly nextDueAt: Date | null;
  readonly lastDueAt: Date | null;
  readonly waitingDueAt: Date | null;
  /** How many executions were started. */
  readonly started: number;
}

/** Moves a schedule on to its next due time. By primary key; the caller holds its lock. */
export async function advanceSchedule(connection: Connection, advance: ScheduleAdvance): Promise<void> {
  await connection.query(
    `UPDATE ${connection.schema}.schedule
     SET next_due_at = $2, last_due_at = $3, waiting_due_at = $4, runs = runs + $5 WHERE id = $1`,
    [advance.id, advance.nextDueAt, advance.lastDueAt, advance.waitingDueAt, advance.started],
  );
}
