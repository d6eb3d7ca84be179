import { ReeveError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { toJson, type JsonValue } from '../core/json.ts';
import type { Connection } from '../executions/connection.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import type { Scheduled } from '../executions/schedule-execution.ts';
import { deleteSchedule } from '../executions/sql/delete-schedule.ts';
import { findSchedule } from '../executions/sql/find-schedule.ts';
import { insertSchedule } from '../executions/sql/insert-schedule.ts';
import { listFires } from '../executions/sql/list-fires.ts';
import { listSchedules } from '../executions/sql/list-schedules.ts';
import { readClock } from '../executions/sql/read-clock.ts';
import type { ScheduleRow } from '../executions/sql/schedule-row.ts';
import { tieRunToSchedule } from '../executions/sql/tie-run-to-schedule.ts';
import { updateSchedule } from '../executions/sql/update-schedule.ts';
import type { ScheduleTarget } from './define-schedule.ts';
import { comingDueTimes, pastDueTime, type ComingDueTime, type PastDueTime } from './explain-schedule.ts';
import type { Firing } from './firing.ts';
import type { ScheduleOptions } from './schedule-options.ts';
import { scheduleView, type ScheduleView } from './schedule-view.ts';
import { effectiveSchedule, rulesOf, saidJson, saidOf, type Said } from './stored-schedule.ts';
import { mergedOptions, storedOptions } from './stored-options.ts';
import { nextAfter, nextOf } from './sync-schedules.ts';
import type { Targets } from './targets.ts';

/** What is needed of an engine that is connected. */
export interface ScheduleEngine {
  /** The engine's pool, or a caller's open transaction. */
  readonly pool: Connection & Pick<LedgerPool, 'transaction'>;
  readonly firing: Firing;
  readonly targets: Targets;
  /** Tells the beat of this process, if it has one, that something has changed. */
  readonly changed: () => void;
}

/** A schedule that is made at run time. */
export type NewScheduleOptions = {
  readonly name: string;
  /** A task or executor, or the name of one. */
  readonly target: ScheduleTarget | string;
  /** The id of the row, for an executor on a resource. */
  readonly resource?: string;
  readonly input?: JsonValue;
} & ScheduleOptions;

/** What an operator changes; null takes an earlier change of a code-owned schedule back, or removes the option. */
export type ScheduleChanges = {
  readonly [K in Exclude<keyof ScheduleOptions, 'cron'>]?: ScheduleOptions[K] | null;
} & { readonly cron?: string | null; readonly input?: JsonValue };

export interface ScheduleExplanation {
  readonly schedule: ScheduleView;
  readonly coming: readonly ComingDueTime[];
  /** The newest first. */
  readonly past: readonly PastDueTime[];
}

const defaultCount = 5;

/** Schedules at run time: what the command line does, for programs. Every change is seen by all beats within a second. */
export class Schedules {
  readonly #engine: () => Promise<ScheduleEngine>;

  constructor(engine: () => Promise<ScheduleEngine>) {
    this.#engine = engine;
  }

  /** By name; the next page is asked for with `after`, the last name of the one before. */
  async list(page: { readonly after?: string; readonly limit?: number } = {}): Promise<ScheduleView[]> {
    const { pool, targets } = await this.#engine();
    const rows = await listSchedules(pool, { after: page.after ?? '', limit: page.limit ?? 100 });
    return rows.map((row) => scheduleView(row, isKnown(row, targets)));
  }

  /** @throws SCHEDULE_UNKNOWN */
  async get(name: string): Promise<ScheduleView> {
    const { pool, targets } = await this.#engine();
    return viewOf(pool, targets, name);
  }

  /**
   * @throws SCHEDULE_INVALID with all problems, TASK_UNKNOWN, EXECUTOR_UNKNOWN, INPUT_INVALID, or SCHEDULE_EXISTS.
   */
  async create(options: NewScheduleOptions): Promise<ScheduleView> {
    const { pool, targets, changed } = await this.#engine();
    const { name, target, resource, input, ...rest } = options;
    const ref = targets.ref(target, resource ?? null);
    await targets.checkInput(ref, input);
    const said: Said = {
      options: storedOptions(name, rest) as Readonly<Record<string, JsonValue>>,
      input: toJson(input ?? null, `The input of schedule "${name}"`),
    };
    const createdAt = await readClock(pool);
    const { rules, ...columns } = effectiveSchedule(name, null, said, createdAt);
    const next_due_at = nextAfter({ rules, ...columns }, createdAt, null);
    if (next_due_at === null) throw neverDue(name);
    const isNew = await insertSchedule(pool, {
      id: newId(),
      name,
      executor: ref.name,
      target_kind: ref.kind,
      resource_id: ref.resourceId,
      ...columns,
      owner: 'operator',
      code: null,
      override: saidJson(said),
      next_due_at,
      createdAt,
    });
    if (!isNew) throw new ReeveError('SCHEDULE_EXISTS', `there is a schedule "${name}" already`);
    changed();
    return viewOf(pool, targets, name);
  }

  /**
   * Changes some options; of a schedule that code declares they outlive every deploy, until {@link reset}.
   *
   * @throws SCHEDULE_UNKNOWN, SCHEDULE_INVALID with all problems, INPUT_INVALID
   */
  async edit(name: string, changes: ScheduleChanges): Promise<ScheduleView> {
    const { input, ...rest } = changes;
    const options = storedOptions(name, rest) as Readonly<Record<string, JsonValue>>;
    return this.#change(name, async (row, targets) => {
      const before = saidOf(row.override);
      const given = input === undefined ? before.input : toJson(input, `The input of schedule "${name}"`);
      const override: Said = {
        options: mergedOptions(before.options, options) as Said['options'],
        ...(given === undefined ? {} : { input: given }),
      };
      const effective = effectiveSchedule(name, codeOf(row), override, row.created_at);
      await targets.checkInput(
        { kind: row.target_kind, name: row.executor, resourceId: row.resource_id },
        effective.input,
      );
      const next_due_at =
        row.paused_at === null ? nextOf(row, effective) : nextAfter(effective, row.now, row.last_due_at);
      if (next_due_at === null) throw neverDue(name);
      return { ...row, ...effective, override: saidJson(override), next_due_at };
    });
  }

  /** Forgets what operators changed of a schedule that code declares. A pause stays. */
  async reset(name: string): Promise<ScheduleView> {
    return this.#change(name, (row) => {
      if (row.owner !== 'code') {
        throw new ReeveError(
          'SCHEDULE_INVALID',
          `schedule "${name}" was not declared by code; there is nothing to go back to`,
        );
      }
      const effective = effectiveSchedule(name, codeOf(row), { options: {} }, row.created_at);
      return { ...row, ...effective, override: {}, next_due_at: nextOf(row, effective) };
    });
  }

  /** Nothing is due until {@link resume}; what runs goes on. */
  async pause(name: string, why: { readonly by?: string; readonly reason?: string } = {}): Promise<ScheduleView> {
    return this.#change(name, (row) => ({
      ...row,
      paused_at: row.paused_at ?? row.now,
      paused_by: why.by ?? row.paused_by,
      paused_reason: why.reason ?? row.paused_reason,
    }));
  }

  /** Goes on with the first due time from now; also after a schedule was stopped by an error. */
  async resume(name: string): Promise<ScheduleView> {
    return this.#change(name, (row) => {
      const effective = effectiveSchedule(name, codeOf(row), saidOf(row.override), row.created_at);
      const next_due_at = nextAfter(effective, row.now, row.last_due_at);
      return { ...row, ...effective, next_due_at, paused_at: null, paused_by: null, paused_reason: null };
    });
  }

  /** Starts its target now, whatever its times, its pause and its overlap policy say; no due time changes. */
  async run(name: string): Promise<Scheduled> {
    const { firing } = await this.#engine();
    return firing.transaction(async (scope) => {
      const row = await rowOf(scope.connection, name, 'read');
      const target = { kind: row.target_kind, name: row.executor, resourceId: row.resource_id };
      const scheduled = await scope.start(target, row.input);
      if (scheduled.created) await tieRunToSchedule(scope.connection, scheduled.executionId, row.id);
      return scheduled;
    });
  }

  /** With its verdicts; executions stay. One that code declares comes back when a beat starts. @throws SCHEDULE_UNKNOWN */
  async delete(name: string): Promise<void> {
    const { pool } = await this.#engine();
    if (!(await deleteSchedule(pool, name))) throw unknown(name);
  }

  /** The next due times, as if it were not paused. */
  async next(name: string, count = defaultCount): Promise<ComingDueTime[]> {
    const { pool } = await this.#engine();
    const row = await rowOf(pool, name, 'read');
    return coming(row, count);
  }

  /** What is to come, and what became of the last due times. */
  async explain(
    name: string,
    options: { readonly coming?: number; readonly past?: number } = {},
  ): Promise<ScheduleExplanation> {
    const { pool, targets } = await this.#engine();
    const row = await rowOf(pool, name, 'read');
    const past = await listFires(pool, row.id, options.past ?? 2 * defaultCount);
    return {
      schedule: scheduleView(row, isKnown(row, targets)),
      coming: coming(row, options.coming ?? defaultCount),
      past: past.map((fire) => pastDueTime(fire)),
    };
  }

  async #change(
    name: string,
    work: (row: ScheduleRow, targets: Targets) => ScheduleRow | Promise<ScheduleRow>,
  ): Promise<ScheduleView> {
    const { pool, targets, changed } = await this.#engine();
    await pool.transaction(async (connection) => {
      const row = await rowOf(connection, name, 'update');
      await updateSchedule(connection, await work(row, targets));
    });
    changed();
    return viewOf(pool, targets, name);
  }
}

function codeOf(row: ScheduleRow): Said | null {
  return row.code === null ? null : saidOf(row.code);
}

function coming(row: ScheduleRow, count: number): ComingDueTime[] {
  const isOnTheWay = row.paused_at === null && row.next_due_at !== null;
  const after = isOnTheWay && row.next_due_at !== null ? row.next_due_at.getTime() - 1 : row.now.getTime();
  return row.next_due_at === null ? [] : comingDueTimes(rulesOf(row), after, count);
}

function isKnown(row: ScheduleRow, targets: Targets): boolean {
  const { known } = targets;
  if (row.owner === 'code') return known.schedules.includes(row.name);
  return (row.target_kind === 'task' ? known.tasks : known.executors).includes(row.executor);
}

async function viewOf(connection: Connection, targets: Targets, name: string): Promise<ScheduleView> {
  const row = await rowOf(connection, name, 'read');
  return scheduleView(row, isKnown(row, targets));
}

async function rowOf(connection: Connection, name: string, mode: 'read' | 'update'): Promise<ScheduleRow> {
  const row = await findSchedule(connection, name, mode);
  if (row === undefined) throw unknown(name);
  return row;
}

function unknown(name: string): ReeveError {
  return new ReeveError('SCHEDULE_UNKNOWN', `there is no schedule "${name}"`, { details: { name } });
}

function neverDue(name: string): ReeveError {
  return new ReeveError(
    'SCHEDULE_INVALID',
    `schedule "${name}" is never due again: its times lie in the past or after its end; for once, write at: "2030-01-31T08:00:00Z"`,
  );
}
