import type { Connection } from '../connection.ts';
import type { ScheduleRow } from './schedule-row.ts';

export type ChangedSchedule = Pick<
  ScheduleRow,
  | 'id'
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
  | 'paused_at'
  | 'paused_by'
  | 'paused_reason'
>;

/** Writes a changed schedule and forgets why it was stopped. By primary key; the caller holds its lock. */
export async function updateSchedule(connection: Connection, schedule: ChangedSchedule): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.schedule SET executor = $2, target_kind = $3, resource_id = $4, timing = $5::jsonb,
       time_zone = $6, input = $7::jsonb, policies = $8::jsonb, owner = $9, code = $10::jsonb, override = $11::jsonb,
       next_due_at = $12, paused_at = $13, paused_by = $14, paused_reason = $15, last_error = NULL,
       enabled = $13::timestamptz IS NULL, updated_at = ${schema}.clock()
     WHERE id = $1`,
    [
      schedule.id,
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
      schedule.paused_at,
      schedule.paused_by,
      schedule.paused_reason,
    ],
  );
}
