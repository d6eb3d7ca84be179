import { isReeveError } from '../core/errors.ts';
import { storeError, type StoredError } from '../core/stored-error.ts';
import { isConflictError, isConnectionError } from '../executions/sql-state.ts';
import { advanceSchedules, startedIn, type NewFire } from '../executions/sql/advance-schedules.ts';
import { claimDueSchedule, type KnownToBeat } from '../executions/sql/claim-due-schedule.ts';
import { claimWaitingSchedule } from '../executions/sql/claim-waiting-schedule.ts';
import { listLiveRuns } from '../executions/sql/list-live-runs.ts';
import type { ScheduleRow } from '../executions/sql/schedule-row.ts';
import { stopSchedule } from '../executions/sql/stop-schedule.ts';
import type { Firing, FireScope } from './firing.ts';
import { judgeDueTimes, type JudgedDueTimes } from './judge-due-times.ts';
import type { ScheduleRules } from './schedule-rules.ts';
import { rulesOf } from './stored-schedule.ts';
import { refusedReason } from './verdict-text.ts';

/** What was done with one schedule. */
export interface FireReport {
  readonly name: string;
  readonly fires: readonly NewFire[];
  /** Why it was stopped, where it cannot go on. */
  readonly stopped?: StoredError;
}

/**
 * Judges every due time of one due schedule and starts what is to be started, in one transaction: verdicts, executions
 * and the next due time are there together or not at all. Undefined when no schedule is due.
 *
 * The row of the schedule is locked first, although it is the last in the lock order: nobody waits for it (beats pass
 * over a locked one), and who changes a schedule by hand locks nothing else, so no circle of waiting can close.
 *
 * A schedule that cannot be judged is stopped with its error; the others go on.
 */
export async function fireDueSchedule(firing: Firing, known: KnownToBeat): Promise<FireReport | undefined> {
  return guarded(firing, (claimed) =>
    firing.transaction(async (scope) => {
      const row = await claimDueSchedule(scope.connection, known);
      if (row === undefined || row.next_due_at === null) return undefined;
      claimed(row);
      const rules = rulesOf(row);
      const judged = judgeDueTimes(rules, row.next_due_at.getTime(), row.now.getTime());
      return fireJudged(scope, row, rules, judged);
    }),
  );
}

/** The same for a due time that has waited for the end of the run before it. */
export async function fireWaitingSchedule(firing: Firing, known: KnownToBeat): Promise<FireReport | undefined> {
  return guarded(firing, (claimed) =>
    firing.transaction(async (scope) => {
      const row = await claimWaitingSchedule(scope.connection, known);
      if (row === undefined || row.waiting_due_at === null) return undefined;
      claimed(row);
      const fire = await start(scope, row, row.waiting_due_at, 'fired');
      const waited = fire.verdict === 'fired' ? { ...fire, reason: 'waited for the end of the run before' } : fire;
      const { id, next_due_at: nextDueAt, last_due_at: lastDueAt } = row;
      await advanceSchedules(scope.connection, [{ id, fires: [waited], nextDueAt, lastDueAt, waitingDueAt: null }]);
      return { name: row.name, fires: [waited] };
    }),
  );
}

async function guarded(
  firing: Firing,
  work: (claimed: (row: ScheduleRow) => void) => Promise<FireReport | undefined>,
): Promise<FireReport | undefined> {
  let row: ScheduleRow | undefined;
  try {
    return await work((claimed) => {
      row = claimed;
    });
  } catch (error) {
    const stuck = row;
    if (stuck === undefined || isConnectionError(error) || isConflictError(error)) throw error;
    const stopped = storeError(error, 'SCHEDULE_INVALID');
    await firing.transaction(({ connection }) => stopSchedule(connection, stuck.id, stopped));
    return { name: stuck.name, fires: [], stopped };
  }
}

async function fireJudged(
  scope: FireScope,
  row: ScheduleRow,
  rules: ScheduleRules,
  judged: JudgedDueTimes,
): Promise<FireReport> {
  const fires: NewFire[] = [];
  let waiting = row.waiting_due_at;
  let [live] = rules.overlap === 'allow' ? [] : await listLiveRuns(scope.connection, row.id);
  if (rules.overlap === 'cancelRunning') {
    const newest = newestFire(judged);
    if (newest !== undefined) {
      if (waiting !== null) fires.push(superseded(waiting, newest.dueAt));
      waiting = null;
      live = await cancelLive(scope, row, newest.dueAt);
    }
  }
  if (waiting !== null && live === undefined) {
    // It comes before the due times after it; their overlap is with its run.
    const fire = await start(scope, row, waiting, 'fired');
    fires.push(fire);
    waiting = null;
    live = startedIn([fire]) === 1 ? (fire.executionId ?? undefined) : undefined;
  }
  const isOver = (): boolean =>
    rules.maxRuns !== undefined && row.runs + startedIn(fires) + (waiting === null ? 0 : 1) >= rules.maxRuns;
  for (const judgement of judged.judgements) {
    if (isOver()) break;
    const dueAt = new Date(judgement.dueAt);
    if (judgement.kind === 'missed') {
      fires.push({ dueAt, verdict: 'missed', reason: judgement.reason, executionId: null });
    } else if (rules.overlap === 'cancelRunning' && judgement !== newestFire(judged)) {
      fires.push(superseded(dueAt, newestFire(judged)?.dueAt ?? judgement.dueAt));
    } else if (live === undefined) {
      const fire = await start(scope, row, dueAt, judgement.late ? 'caught_up' : 'fired');
      fires.push(fire);
      if (rules.overlap !== 'allow' && startedIn([fire]) === 1) live = fire.executionId ?? undefined;
    } else if (rules.overlap !== 'skip' && waiting === null) {
      waiting = dueAt;
      fires.push({ dueAt, verdict: 'waiting', reason: `waits for the end of execution ${live}`, executionId: null });
    } else {
      const also = waiting === null ? '' : ` and the due time ${waiting.toISOString()} waits already`;
      fires.push({ dueAt, verdict: 'skipped', reason: `execution ${live} still runs${also}`, executionId: null });
    }
  }
  const { id } = row;
  const nextDueAt = judged.next === undefined || isOver() ? null : new Date(judged.next);
  const last = Math.max(fires.at(-1)?.dueAt.getTime() ?? 0, row.last_due_at?.getTime() ?? 0);
  const lastDueAt = last === 0 ? null : new Date(last);
  await advanceSchedules(scope.connection, [{ id, fires, nextDueAt, lastDueAt, waitingDueAt: waiting }]);
  return { name: row.name, fires };
}

/** With overlap `cancelRunning` a due time gives way to a newer one that comes before it could start. */
function superseded(dueAt: Date, by: number): NewFire {
  const reason = `gave way to the due time ${new Date(by).toISOString()}`;
  return { dueAt, verdict: 'skipped', reason, executionId: null };
}

function newestFire({ judgements }: JudgedDueTimes): JudgedDueTimes['judgements'][number] | undefined {
  return judgements.findLast(({ kind }) => kind === 'fire');
}

/** Cancels the runs that are alive; answers one whose steps have to end first. */
async function cancelLive(scope: FireScope, row: ScheduleRow, dueAt: number): Promise<string | undefined> {
  let left: string | undefined;
  const reason = { by: `schedule ${row.name}`, reason: `due again at ${new Date(dueAt).toISOString()}` };
  for (const live of await listLiveRuns(scope.connection, row.id)) {
    if (!(await scope.cancel(live, reason))) left ??= live;
  }
  return left;
}

/** A refusal is a verdict: the schedule goes on, and people read why nothing was started. */
async function start(
  scope: FireScope,
  row: ScheduleRow,
  dueAt: Date,
  verdict: 'fired' | 'caught_up',
): Promise<NewFire> {
  const target = { kind: row.target_kind, name: row.executor, resourceId: row.resource_id };
  try {
    const { executionId, created, onceMore } = await scope.start(target, row.input);
    if (created) return { dueAt, verdict, reason: null, executionId };
    return { dueAt, verdict: 'skipped', reason: refusedReason(executionId, onceMore === true), executionId };
  } catch (error) {
    if (isConnectionError(error) || isConflictError(error)) throw error;
    const { message } = storeError(error);
    const reason = isReeveError(error) ? `${error.code}: ${message}` : message;
    return { dueAt, verdict: 'skipped', reason, executionId: null };
  }
}
