import type { Connection } from '../connection.ts';
import { scheduleColumns, type ScheduleRow } from './schedule-row.ts';

/** Schedules by name, after a name, for pages of up to `limit`; locks nothing. */
export async function listSchedules(
  connection: Connection,
  page: { readonly after: string; readonly limit: number },
): Promise<ScheduleRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ScheduleRow>(
    `SELECT ${scheduleColumns(schema)} FROM ${schema}.schedule AS s WHERE s.name > $1 ORDER BY s.name LIMIT $2`,
    [page.after, page.limit],
  );
  return rows;
}
