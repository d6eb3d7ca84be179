import type { JsonValue } from '../../core/json.ts';

/** A schedule as the ledger has it. */
export interface ScheduleRow {
  readonly id: string;
  readonly name: string;
  readonly executor: string;
  readonly target_kind: 'executor' | 'task';
  readonly resource_id: string | null;
  readonly timing: JsonValue;
  readonly time_zone: string;
  readonly input: JsonValue;
  readonly policies: JsonValue;
  readonly owner: 'code' | 'operator';
  readonly enabled: boolean;
  readonly code: JsonValue;
  readonly override: JsonValue;
  readonly next_due_at: Date | null;
  readonly last_due_at: Date | null;
  readonly waiting_due_at: Date | null;
  readonly paused_at: Date | null;
  readonly paused_by: string | null;
  readonly paused_reason: string | null;
  readonly last_error: JsonValue;
  readonly runs: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  /** The database's clock when the row was read. */
  readonly now: Date;
}

/** The columns of {@link ScheduleRow}, for the table under the alias `s`. */
export function scheduleColumns(schema: string): string {
  return `s.id, s.name, s.executor, s.target_kind, s.resource_id, s.timing, s.time_zone, s.input, s.policies, s.owner,
    s.enabled, s.code, s.override, s.next_due_at, s.last_due_at, s.waiting_due_at, s.paused_at, s.paused_by,
    s.paused_reason, s.last_error, s.runs::integer, s.created_at, s.updated_at, ${schema}.clock() AS now`;
}
