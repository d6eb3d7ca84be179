import { checkedValue, verbRefOf, type MooValue } from '../../world/values.ts';
import { userError } from '../../world/verb-error.ts';
import { verbSubject } from '../../world/world.ts';
import { listArg, optionsArg, recordArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { Perform } from '../perform.ts';
import { invocationOf, startVerb } from '../start-verb.ts';
import type { VerbTask } from '../verb-task.ts';

const longestSeconds = 366 * 24 * 3_600;

async function requireWizard(task: VerbTask, frame: Frame, what: string): Promise<void> {
  if ((await task.world.find(callerOf(frame)))?.isWizard === true) return;
  throw userError(`Only verbs owned by wizards can ${what}.`);
}

/** A verb that the caller may execute. */
async function target(
  task: VerbTask,
  frame: Frame,
  value: unknown,
  what: string,
): Promise<{ this: number; verb: string }> {
  const ref = verbRefOf(value);
  if (ref === undefined) throw userError(`${what} is no verb; write object.verb('name').`);
  await task.world.require(callerOf(frame), 'execute', verbSubject(await task.world.verb(ref.id, ref.name)));
  return { this: ref.id, verb: ref.name };
}

function seconds(value: unknown, least: number, what: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && value >= least && value <= longestSeconds) return value;
  throw userError(`${what} is a number of seconds from ${least} to ${longestSeconds}.`);
}

function cronText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && value.length <= 200 && value.trim().split(/\s+/).length === 5) return value.trim();
  throw userError('A cron expression has five fields: minute, hour, day of month, month, day of week.');
}

async function invoke(task: VerbTask, frame: Frame, [verb, given]: readonly unknown[]): Promise<MooValue> {
  const { limits, scheduling, account } = task.setting;
  const options = optionsArg(given, ['args', 'kwargs', 'delay', 'every', 'cron', 'callback'], 'invoke');
  const delay = seconds(options['delay'], 0, 'The delay');
  const every = seconds(options['every'], 1, '"every"');
  const cron = cronText(options['cron']);
  const isPeriodic = every !== undefined || cron !== undefined;
  if (isPeriodic) await requireWizard(task, frame, 'create persistent scheduled tasks');
  if (every !== undefined && cron !== undefined) throw userError('Give "every" or "cron", not both.');
  if (isPeriodic && delay !== undefined) throw userError('A schedule takes no "delay".');
  const callback = options['callback'] ?? null;
  const wanted = {
    caller: callerOf(frame),
    ...(await target(task, frame, verb, 'What to invoke')),
    args: listArg(checkedValue(options['args'] ?? [], limits), '"args"') as readonly MooValue[],
    kwargs: recordArg(checkedValue(options['kwargs'] ?? {}, limits), '"kwargs"') as Record<string, MooValue>,
    callback: callback === null ? null : await target(task, frame, callback, 'The callback'),
  };
  task.counts.scheduled += 1;
  if (task.counts.scheduled > limits.scheduledTasks) {
    throw userError(`A task schedules at most ${limits.scheduledTasks} others.`);
  }
  if (!isPeriodic) {
    await startVerb(task, wanted, (delay ?? 0) * 1_000);
    return null;
  }
  const { connection } = task.world;
  if ((await scheduling.countSchedules(connection, account)) >= limits.schedules) {
    throw userError(`You have ${limits.schedules} schedules; cancel one first.`);
  }
  const invocation = { ...invocationOf(task, wanted), hops: 0, periodic: true };
  return scheduling.createSchedule(
    connection,
    invocation,
    every === undefined ? { cron: cron ?? '' } : { everySeconds: every },
  );
}

export const scheduleOperations = {
  invoke,
  async cancelScheduledTask(task, frame, [id]) {
    await requireWizard(task, frame, 'cancel scheduled tasks');
    return task.setting.scheduling.cancelSchedule(task.world.connection, textArg(id, 'The id'));
  },
  async getScheduledTaskInfo(task, frame, [id]) {
    await requireWizard(task, frame, 'read scheduled-task info');
    return task.setting.scheduling.scheduleInfo(task.world.connection, textArg(id, 'The id'));
  },
} satisfies Record<string, Perform>;
