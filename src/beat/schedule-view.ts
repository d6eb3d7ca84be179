import type { JsonValue } from '../core/json.ts';
import type { ScheduleRow } from '../executions/sql/schedule-row.ts';
import type { StoredOptions } from './schedule-options.ts';
import { expandedOf, optionsOf } from './stored-schedule.ts';

/** One schedule, as it is shown to people and programs. */
export interface ScheduleView {
  readonly id: string;
  readonly name: string;
  readonly target: { readonly kind: 'executor' | 'task'; readonly name: string };
  readonly resourceId: string | null;
  readonly owner: 'code' | 'operator';
  /** What counts: what code says, with what an operator changed. */
  readonly options: StoredOptions;
  readonly input: JsonValue;
  /** The cron expression with every `H` replaced by what was chosen for this schedule; null without one. */
  readonly expandedCron: string | null;
  /** What an operator changed of a schedule that code declares. */
  readonly edited: JsonValue;
  /**
   * `active`; `paused` by hand; `stopped` by its error; `ended`: never due again; `unknown`: this application declares
   * no such schedule, or has no such target.
   */
  readonly state: 'active' | 'paused' | 'stopped' | 'ended' | 'unknown';
  readonly nextDueAt: Date | null;
  readonly lastDueAt: Date | null;
  /** The due time that waits for the end of a run, with overlap `bufferOne` or `cancelRunning`. */
  readonly waitingDueAt: Date | null;
  readonly runs: number;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
  readonly pausedReason: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export function scheduleView(row: ScheduleRow, isKnown: boolean): ScheduleView {
  const error = row.last_error as { code: string; message: string } | null;
  return {
    id: row.id,
    name: row.name,
    target: { kind: row.target_kind, name: row.executor },
    resourceId: row.resource_id,
    owner: row.owner,
    options: optionsOf(row),
    input: row.input,
    expandedCron: expandedOf(row),
    edited: row.owner === 'code' ? row.override : null,
    state: stateOf(row, isKnown),
    nextDueAt: row.paused_at === null && error === null ? row.next_due_at : null,
    lastDueAt: row.last_due_at,
    waitingDueAt: row.waiting_due_at,
    runs: row.runs,
    pausedAt: row.paused_at,
    pausedBy: row.paused_by,
    pausedReason: row.paused_reason,
    error: error === null ? null : { code: error.code, message: error.message },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function stateOf(row: ScheduleRow, isKnown: boolean): ScheduleView['state'] {
  if (row.paused_at !== null) return 'paused';
  if (row.last_error !== null) return 'stopped';
  if (!isKnown) return 'unknown';
  return row.next_due_at === null && row.waiting_due_at === null ? 'ended' : 'active';
}
