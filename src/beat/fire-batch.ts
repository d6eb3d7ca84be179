import { isReeveError } from '../core/errors.ts';
import { storeError } from '../core/stored-error.ts';
import { isConnectionError } from '../executions/sql-state.ts';
import { advanceSchedules, startedIn, type NewFire } from '../executions/sql/advance-schedules.ts';
import type { KnownToBeat } from '../executions/sql/claim-due-schedule.ts';
import { claimDueSchedules, type DueSchedule } from '../executions/sql/claim-due-schedules.ts';
import type { RunAnswer, WantedRun } from '../executions/sql/start-background.ts';
import type { FireReport } from './fire-schedule.ts';
import type { Firing } from './firing.ts';
import { judgeDueTimes } from './judge-due-times.ts';
import type { ScheduleRules } from './schedule-rules.ts';
import { rulesOf } from './stored-schedule.ts';
import { refusedReason } from './verdict-text.ts';

/** A schedule with one due time that starts one task, and nothing that it would overlap with. */
interface SimpleFire {
  readonly row: DueSchedule;
  readonly rules: ScheduleRules;
  readonly dueAt: Date;
  readonly verdict: 'fired' | 'caught_up';
  readonly next: Date | null;
  /** What is started, or why nothing can be. */
  readonly wanted: WantedRun | string;
}

export interface BatchReport {
  readonly reports: readonly FireReport[];
  /** How many due schedules were seen and left to {@link fireDueSchedule}, which knows all cases. */
  readonly left: number;
}

/**
 * Fires what is simple of the schedules that are due: most are, and many are due in the same second. All of them are
 * one transaction of a handful of statements, however many they are.
 *
 * Everything else (several due times at once, overlap, executors on resources, what is wrong) is left as it is, also
 * when a rival's transaction keeps the batch from its end.
 */
export async function fireBatch(firing: Firing, known: KnownToBeat, limit: number): Promise<BatchReport> {
  try {
    return await firing.transaction(async (scope) => {
      const rows = await claimDueSchedules(scope.connection, known, limit);
      const drafted = await Promise.all(rows.map((row) => simpleFire(firing, row)));
      const simple = drafted.filter((fire) => fire !== undefined);
      const wanted = simple.flatMap((fire) => (typeof fire.wanted === 'string' ? [] : [fire.wanted]));
      const answers = new Map((await scope.startAll(wanted)).map((answer) => [answer.wanted_id, answer]));
      const fired = simple.flatMap((fire) => {
        const judged = verdictOf(fire, answers);
        return judged === undefined ? [] : [{ ...fire, fire: judged }];
      });
      await advanceSchedules(
        scope.connection,
        fired.map(({ row, rules, dueAt, next, fire }) => {
          const fires = [fire];
          const isOver = rules.maxRuns !== undefined && row.runs + startedIn(fires) >= rules.maxRuns;
          return { id: row.id, fires, nextDueAt: isOver ? null : next, lastDueAt: dueAt, waitingDueAt: null };
        }),
      );
      const reports = fired.map(({ row, fire }) => ({ name: row.name, fires: [fire] }));
      return { reports, left: rows.length - fired.length };
    }, 1);
  } catch (error) {
    if (isConnectionError(error)) throw error;
    return { reports: [], left: limit };
  }
}

/** Undefined where more than one thing is to be decided. */
async function simpleFire(firing: Firing, row: DueSchedule): Promise<SimpleFire | undefined> {
  const { next_due_at: first, waiting_due_at: waiting, target_kind: kind } = row;
  if (first === null || waiting !== null || kind !== 'task') return undefined;
  try {
    const rules = rulesOf(row);
    const { judgements, next } = judgeDueTimes(rules, first.getTime(), row.now.getTime());
    const [only] = judgements;
    if (only?.kind !== 'fire' || judgements.length > 1) return undefined;
    if (rules.overlap !== 'allow' && row.has_live_run) return undefined;
    const target = { kind, name: row.executor, resourceId: row.resource_id };
    const wanted = await firing.draft(target, row.input).catch((error: unknown) => {
      if (isReeveError(error)) return `${error.code}: ${storeError(error).message}`;
      throw error;
    });
    return {
      row,
      rules,
      dueAt: new Date(only.dueAt),
      verdict: only.late ? 'caught_up' : 'fired',
      next: next === undefined ? null : new Date(next),
      wanted,
    };
  } catch {
    // What is wrong with it is found again, and stops it, where it is fired alone.
    return undefined;
  }
}

/** Undefined where a rival has come between: it is looked at again. */
function verdictOf(fire: SimpleFire, answers: ReadonlyMap<string, RunAnswer>): NewFire | undefined {
  const { dueAt, verdict, wanted } = fire;
  if (typeof wanted === 'string') return { dueAt, verdict: 'skipped', reason: wanted, executionId: null };
  const answer = answers.get(wanted.execution.id);
  if (answer === undefined || answer.id === null) return undefined;
  if (answer.created) return { dueAt, verdict, reason: null, executionId: answer.id };
  const reason = refusedReason(answer.id, wanted.remember !== null);
  return { dueAt, verdict: 'skipped', reason, executionId: answer.id };
}
