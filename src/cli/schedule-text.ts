import type { ComingDueTime, PastDueTime } from '../beat/explain-schedule.ts';
import type { ScheduleView } from '../beat/schedule-view.ts';
import type { ScheduleExplanation } from '../beat/schedules.ts';
import { formatMs } from '../core/duration.ts';
import { table } from './tables.ts';
import { clip, harmless, styled } from './terminal.ts';

/** Schedules as a table, in the given order. */
export function schedulesTable(schedules: readonly ScheduleView[]): string {
  if (schedules.length === 0) return 'no schedule';
  return table(
    ['name', 'target', 'when', 'zone', 'state', 'next due', 'runs', 'owner'],
    schedules.map((schedule) => [
      schedule.name,
      clip(schedule.target.name, 40),
      clip(whenText(schedule), 40),
      schedule.options.timeZone ?? 'UTC',
      schedule.state,
      schedule.nextDueAt?.toISOString() ?? '–',
      String(schedule.runs),
      schedule.owner,
    ]),
  );
}

/** One schedule with everything that an operator asks. */
export function scheduleText(schedule: ScheduleView): string {
  const { pausedBy, pausedReason, error } = schedule;
  const rows = [
    ['schedule', schedule.name],
    [
      'target',
      `${schedule.target.kind} ${schedule.target.name}${schedule.resourceId === null ? '' : ` on ${schedule.resourceId}`}`,
    ],
    ['when', `${whenText(schedule)} (${schedule.options.timeZone ?? 'UTC'})`],
    ['options', JSON.stringify(schedule.options)],
    ['input', clip(JSON.stringify(schedule.input), 500)],
    ['owner', schedule.owner],
    ['edited', schedule.edited === null ? '–' : JSON.stringify(schedule.edited)],
    ['state', [schedule.state, pausedBy === null ? '' : `by ${pausedBy}`, pausedReason ?? ''].join(' ').trim()],
    ['error', error === null ? '–' : `${error.code} ${error.message}`],
    ['next due', schedule.nextDueAt?.toISOString() ?? '–'],
    ['runs', String(schedule.runs)],
  ] as const;
  return rows.map(([name, value]) => `${styled('dim', name.padEnd(9))} ${harmless(value)}`).join('\n');
}

export function comingText(coming: readonly ComingDueTime[]): string {
  if (coming.length === 0) return 'never due again';
  const rows = coming.map(({ dueAt, local, note }) => [dueAt.toISOString(), local, note]);
  return table(['due', 'on the clock there', 'note'], rows);
}

export function explanationText({ schedule, coming, past }: ScheduleExplanation): string {
  const was = table(
    ['was due', 'verdict', 'late', 'execution', 'why'],
    past.map((due: PastDueTime) => [
      due.dueAt.toISOString(),
      due.verdict.replace('_', ' '),
      formatMs(due.latenessMs),
      due.executionId ?? '–',
      clip(due.reason ?? '', 120),
    ]),
  );
  return [scheduleText(schedule), comingText(coming), past.length === 0 ? 'was never due' : was].join('\n\n');
}

function whenText({ options, expandedCron }: ScheduleView): string {
  const { cron, every, at } = options;
  if (cron !== undefined) return expandedCron === null || !/H/.test(cron) ? cron : `${cron} = ${expandedCron}`;
  return every === undefined ? `once at ${at ?? ''}` : `every ${every}`;
}
