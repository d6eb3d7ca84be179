import type { Connection } from '../connection.ts';

export type Verdict = 'fired' | 'skipped' | 'missed' | 'caught_up' | 'waiting';

export interface NewFire {
  readonly dueAt: Date;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly executionId: string | null;
}

/**
 * Writes one verdict for each due time, or the new one of a due time that was waiting, and ties each execution that was
 * started to its schedule. A due time that has a final verdict keeps it and is not counted.
 */
export async function recordFires(
  connection: Connection,
  fires: readonly (NewFire & { readonly scheduleId: string })[],
): Promise<number> {
  if (fires.length === 0) return 0;
  const { schema } = connection;
  const { count } = await connection.query(
    `WITH fire AS (
       SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::uuid[])
         AS f(schedule_id, due_at, verdict, reason, execution_id)
     ), tied AS (
       UPDATE ${schema}.execution AS e SET schedule_id = fire.schedule_id, schedule_due_at = fire.due_at
       FROM fire WHERE e.id = fire.execution_id AND fire.verdict IN ('fired', 'caught_up'))
     INSERT INTO ${schema}.schedule_fire AS known (schedule_id, due_at, verdict, reason, execution_id, fired_at)
     SELECT schedule_id, due_at, verdict, reason, execution_id, ${schema}.clock() FROM fire
     ON CONFLICT (schedule_id, due_at) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
       execution_id = excluded.execution_id, fired_at = excluded.fired_at
     WHERE known.verdict = 'waiting'`,
    [
      fires.map(({ scheduleId }) => scheduleId),
      fires.map(({ dueAt }) => dueAt),
      fires.map(({ verdict }) => verdict),
      fires.map(({ reason }) => reason),
      fires.map(({ executionId }) => executionId),
    ],
  );
  return count;
}
