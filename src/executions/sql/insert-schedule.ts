import type { Connection } from '../connection.ts';
import type { ScheduleRow } from './schedule-row.ts';

export type NewSchedule = Pick<
  ScheduleRow,
  | 'id'
  | 'name'
  | 'executor'
  | 'target_kind'
  | 'resource_id'
  | 'timing'
  | 'time_zone'
  | 'input'
  | 'policies'
  | 'owner'
  | 'code'
  | 'override'
  | 'next_due_at'
> & { readonly createdAt: Date };

/** Inserts a schedule; answers false, with nothing written, when one of that name exists. */
export async function insertSchedule(connection: Connection, schedule: NewSchedule): Promise<boolean> {
  const { count } = await connection.query(
    `INSERT INTO ${connection.schema}.schedule (id, name, executor, target_kind, resource_id, timing, time_zone, input,
       policies, owner, enabled, code, override, next_due_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8::jsonb, $9::jsonb, $10, true, $11::jsonb, $12::jsonb, $13, $14, $14)
     ON CONFLICT (name) DO NOTHING`,
    [
      schedule.id,
      schedule.name,
      schedule.executor,
      schedule.target_kind,
      schedule.resource_id,
      JSON.stringify(schedule.timing),
      schedule.time_zone,
      JSON.stringify(schedule.input),
      JSON.stringify(schedule.policies),
      schedule.owner,
      schedule.code === null ? null : JSON.stringify(schedule.code),
      JSON.stringify(schedule.override),
      schedule.next_due_at,
      schedule.createdAt,
    ],
  );
  return count === 1;
}
