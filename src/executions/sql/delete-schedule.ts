import type { Connection } from '../connection.ts';

/** Deletes a schedule with its verdicts; executions that it started stay. Answers false when there was none. */
export async function deleteSchedule(connection: Connection, name: string): Promise<boolean> {
  const { count } = await connection.query(`DELETE FROM ${connection.schema}.schedule WHERE name = $1`, [name]);
  return count === 1;
}
