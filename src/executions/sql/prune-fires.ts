import type { Connection } from '../connection.ts';

/**
 * Deletes verdicts of due times that started nothing and are older than an age, by the index schedule_fire_fired_at;
 * those that started something go with their execution. Rows that somebody holds are passed over.
 */
export async function pruneFires(connection: Connection, ageMs: number, limit: number): Promise<number> {
  const { schema } = connection;
  const { count } = await connection.query(
    `DELETE FROM ${schema}.schedule_fire WHERE (schedule_id, due_at) IN (
       SELECT schedule_id, due_at FROM ${schema}.schedule_fire
       WHERE fired_at < ${schema}.clock() - $1 * interval '1 millisecond' AND verdict IN ('skipped', 'missed')
       ORDER BY fired_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
    [ageMs, limit],
  );
  return count;
}
