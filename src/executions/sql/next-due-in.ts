import type { Connection } from '../connection.ts';
import { knownToBeat, type KnownToBeat } from './claim-due-schedule.ts';

/** In how many milliseconds the next schedule is due, by the index schedule_due; null when none is. Locks nothing. */
export async function nextDueIn(connection: Connection, known: KnownToBeat): Promise<number | null> {
  const { schema } = connection;
  const { rows } = await connection.query<{ ms: number }>(
    `SELECT (extract(epoch FROM s.next_due_at - ${schema}.clock()) * 1000)::float8 AS ms FROM ${schema}.schedule AS s
     WHERE s.enabled AND s.next_due_at IS NOT NULL AND ${knownToBeat} ORDER BY s.next_due_at LIMIT 1`,
    [known.schedules, known.tasks, known.executors],
  );
  return rows[0]?.ms ?? null;
}
