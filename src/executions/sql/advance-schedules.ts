import type { Connection } from '../connection.ts';

export type Verdict = 'fired' | 'skipped' | 'missed' | 'caught_up' | 'waiting';

export interface NewFire {
  readonly dueAt: Date;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly executionId: string | null;
}

export interface ScheduleAdvance {
  readonly id: string;
  readonly fires: readonly NewFire[];
  readonly nextDueAt: Date | null;
  readonly lastDueAt: Date | null;
  readonly waitingDueAt: Date | null;
}

/** How many executions were started. */
export function startedIn(fires: readonly NewFire[]): number {
  return fires.filter(({ verdict }) => verdict === 'fired' || verdict === 'caught_up').length;
}

/**
 * Moves schedules on to their next due times, in one statement: writes one verdict for each due time, or the new one of
 * a due time that was waiting, and ties each execution that was started to its schedule. A due time that has a final
 * verdict keeps it. By primary keys; the caller holds the locks of the schedules.
 */
export async function advanceSchedules(connection: Connection, advances: readonly ScheduleAdvance[]): Promise<void> {
  if (advances.length === 0) return;
  const { schema } = connection;
  const fires = advances.flatMap((advance) => advance.fires.map((fire) => ({ ...fire, id: advance.id })));
  await connection.query(
    `WITH fire AS MATERIALIZED (
       SELECT * FROM unnest($6::uuid[], $7::timestamptz[], $8::text[], $9::text[], $10::uuid[])
         AS f(schedule_id, due_at, verdict, reason, execution_id)
     ), tied AS (
       UPDATE ${schema}.execution AS e SET schedule_id = fire.schedule_id, schedule_due_at = fire.due_at
       FROM fire WHERE e.id = fire.execution_id AND fire.verdict IN ('fired', 'caught_up')
     ), judged AS (
       INSERT INTO ${schema}.schedule_fire AS known (schedule_id, due_at, verdict, reason, execution_id, fired_at)
       SELECT schedule_id, due_at, verdict, reason, execution_id, ${schema}.clock() FROM fire
       ON CONFLICT (schedule_id, due_at) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
         execution_id = excluded.execution_id, fired_at = excluded.fired_at
       WHERE known.verdict = 'waiting'
     )
     UPDATE ${schema}.schedule AS s
     SET next_due_at = a.next, last_due_at = a.last, waiting_due_at = a.waiting, runs = s.runs + a.started
     FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::integer[])
       AS a(id, next, last, waiting, started)
     WHERE s.id = a.id`,
    [
      advances.map(({ id }) => id),
      advances.map(({ nextDueAt }) => nextDueAt),
      advances.map(({ lastDueAt }) => lastDueAt),
      advances.map(({ waitingDueAt }) => waitingDueAt),
      advances.map((advance) => startedIn(advance.fires)),
      fires.map(({ id }) => id),
      fires.map(({ dueAt }) => dueAt),
      fires.map(({ verdict }) => verdict),
      fires.map(({ reason }) => reason),
      fires.map(({ executionId }) => executionId),
    ],
  );
}
