import type { Connection } from '../connection.ts';
import { scheduleColumns, type ScheduleRow } from './schedule-row.ts';

/** A schedule by its name, locked where `update` is asked for; undefined when there is none. */
export async function findSchedule(
  connection: Connection,
  name: string,
  mode: 'read' | 'update',
): Promise<ScheduleRow | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ScheduleRow>(
    `SELECT ${scheduleColumns(schema)} FROM ${schema}.schedule AS s
     WHERE s.name = $1 ${mode === 'update' ? 'FOR UPDATE' : ''}`,
    [name],
  );
  return rows[0];
}
