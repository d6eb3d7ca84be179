import type { Connection } from '../connection.ts';

/** The time by the clock of the database, which alone decides what is due. */
export async function readClock(connection: Connection): Promise<Date> {
  const { rows } = await connection.query<{ now: Date }>(`SELECT ${connection.schema}.clock() AS now`);
  return rows[0]?.now ?? new Date(Number.NaN);
}
