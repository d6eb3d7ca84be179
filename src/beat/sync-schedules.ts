import { newId } from '../core/ids.ts';
import { canonicalJson, type JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';
import type { LedgerPool } from '../executions/ledger-pool.ts';
import { findSchedule } from '../executions/sql/find-schedule.ts';
import { insertSchedule } from '../executions/sql/insert-schedule.ts';
import { readClock } from '../executions/sql/read-clock.ts';
import type { ScheduleRow } from '../executions/sql/schedule-row.ts';
import { updateSchedule } from '../executions/sql/update-schedule.ts';
import type { ScheduleDefinition } from './define-schedule.ts';
import { nextDueOf } from './schedule-rules.ts';
import { effectiveSchedule, saidOf, type Effective, type Said } from './stored-schedule.ts';

/**
 * Writes what code declares into the ledger: new schedules, and changes of known ones. What an operator paused stays
 * paused, and what he edited keeps his values until he takes them back. An unchanged declaration writes nothing.
 */
export async function syncSchedules(
  pool: LedgerPool,
  definitions: readonly ScheduleDefinition[],
  logger: Logger,
): Promise<void> {
  for (const definition of definitions) {
    try {
      await syncOne(pool, definition);
    } catch (error) {
      const err = storeError(error);
      const fields = { event: 'schedule.sync', schedule: definition.name, err };
      logger.error(fields, `schedule ${definition.name} was not taken over from code: ${err.message}`);
    }
  }
}

async function syncOne(pool: LedgerPool, definition: ScheduleDefinition): Promise<void> {
  const { name, target, resourceId } = definition;
  const code = codeOf(definition);
  const columns = {
    executor: target.name,
    target_kind: 'handler' in target ? 'task' : 'executor',
    resource_id: resourceId,
    owner: 'code',
    code: code as unknown as JsonValue,
  } as const;
  await pool.transaction(async (connection) => {
    const row = await findSchedule(connection, name, 'update');
    if (row === undefined) {
      const createdAt = await readClock(connection);
      const effective = effectiveSchedule(name, code, { options: {} }, createdAt);
      const next_due_at = nextAfter(effective, createdAt, null);
      const { rules: _rules, ...effectiveColumns } = effective;
      await insertSchedule(connection, {
        ...columns,
        ...effectiveColumns,
        id: newId(),
        name,
        override: {},
        next_due_at,
        createdAt,
      });
      return;
    }
    const isSame =
      row.owner === 'code' &&
      row.executor === columns.executor &&
      row.target_kind === columns.target_kind &&
      row.resource_id === resourceId &&
      canonicalJson(row.code) === canonicalJson(columns.code);
    if (isSame) return;
    // A schedule of that name that an operator made is his edit of what code declares.
    const effective = effectiveSchedule(name, code, saidOf(row.override), row.created_at);
    await updateSchedule(connection, {
      ...row,
      ...columns,
      ...effective,
      next_due_at: nextOf(row, effective),
    });
  });
}

function codeOf({ options, input }: ScheduleDefinition): Said {
  return { options: options as Readonly<Record<string, JsonValue>>, input };
}

/** The next due time after a change: the stored one where its times stay what they were. */
export function nextOf(row: ScheduleRow, effective: Effective): Date | null {
  const before = canonicalJson([row.timing, row.time_zone, timesIn(row.policies)]);
  const after = canonicalJson([effective.timing, effective.time_zone, timesIn(effective.policies)]);
  return before === after ? row.next_due_at : nextAfter(effective, row.now, row.last_due_at);
}

/** The first due time that is still to come, and was not judged yet. */
export function nextAfter({ rules }: Effective, now: Date, lastDueAt: Date | null): Date | null {
  const next = nextDueOf(rules, Math.max(now.getTime(), lastDueAt?.getTime() ?? 0));
  return next === undefined ? null : new Date(next);
}

function timesIn(policies: JsonValue): JsonValue {
  const { starts, ends, jitter, gap, fold, maxRuns } = policies as Readonly<Record<string, JsonValue>>;
  return [starts, ends, jitter, gap, fold, maxRuns].map((value) => value ?? null);
}
