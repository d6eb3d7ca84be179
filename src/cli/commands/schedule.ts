import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { checkCron } from '../../beat/explain-schedule.ts';
import type { NewScheduleOptions, ScheduleChanges } from '../../beat/schedules.ts';
import type { Reeve } from '../../reeve.ts';
import { addGlobalOptions, globalOptions } from '../global-options.ts';
import { parseCount } from '../parse-values.ts';
import { comingText, explanationText, schedulesTable, scheduleText } from '../schedule-text.ts';
import { notice, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';
import { addPolicyOptions, policiesOf, type PolicyFlags } from '../schedule-flags.ts';

export function addScheduleCommand(program: Command): Command {
  const schedule = program.command('schedule').description('Look at what runs by the clock, and change it');
  const add = (name: string, description: string): Command =>
    addGlobalOptions(schedule.command(name)).description(description);
  addLooks(add);
  addMaking(add);
  addControls(add);
  return schedule;
}

type Add = (name: string, description: string) => Command;

/** The subcommands that change nothing. */
function addLooks(add: Add): void {
  add('list', 'Show all schedules by name')
    .option('--limit <n>', 'how many at most, 1 to 1000', parseCount, 100)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      await show(command, (reeve) => reeve.schedules.list({ limit }), schedulesTable);
    });
  add('show <name>', 'Show one schedule').action(async (name: string, _options: unknown, command: Command) => {
    await show(command, (reeve) => reeve.schedules.get(name), scheduleText);
  });
  add('next <name>', 'Show the next due times, with notes on daylight saving')
    .option('-n, --count <n>', 'how many', parseCount, 5)
    .action(async (name: string, { count }: { count: number }, command: Command) => {
      await show(command, (reeve) => reeve.schedules.next(name, count), comingText);
    });
  add('explain <name>', 'Show what comes, and what became of each past due time')
    .option('-n, --count <n>', 'how many of each', parseCount, 10)
    .action(async (name: string, { count }: { count: number }, command: Command) => {
      const work = (reeve: Reeve) => reeve.schedules.explain(name, { coming: count, past: count });
      await show(command, work, explanationText);
    });
  add('check <cron>', 'Say whether a cron expression is right, and when it is due; no app is needed')
    .option('--time-zone <zone>', 'an IANA zone', 'UTC')
    .option('--name <name>', 'the name of the schedule, which decides H', 'check')
    .action((cron: string, { timeZone, name }: { timeZone: string; name: string }, command: Command) => {
      const checked = checkCron(cron, { timeZone, name, after: Date.now(), count: 5 });
      if (globalOptions(command).json) printJson(checked);
      else printLine(`${checked.expanded}\n${comingText(checked.coming)}`);
      if (checked.coming.length === 0) notice('it is never due');
    });
}

/** The subcommands that say when and how. */
function addMaking(add: Add): void {
  addPolicyOptions(add('create <name> <target>', 'Make a schedule of a task or an executor'))
    .option('--resource <id>', 'the row, for an executor on a resource')
    .addHelpText(
      'after',
      `
Examples:
  $ reeve schedule create nightly postgres.pull --cron "17 3 * * *" --time-zone Europe/Tallinn --input '{"serverId":"main"}'
  $ reeve schedule create sweep cleanup --every 15m --overlap skip`,
    )
    .action(async (name: string, target: string, flags: PolicyFlags & { resource?: string }, command: Command) => {
      const { resource } = flags;
      const options = { name, target, ...(resource === undefined ? {} : { resource }), ...policiesOf(flags) };
      await show(command, (reeve) => reeve.schedules.create(options as NewScheduleOptions), scheduleText);
    });
  addPolicyOptions(add('edit <name>', 'Change a schedule; a deploy does not undo it'))
    .option('--reset', 'first forget every earlier edit of a schedule that code declares')
    .action(async (name: string, flags: PolicyFlags & { reset?: boolean }, command: Command) => {
      await show(
        command,
        async (reeve) => {
          const changes = policiesOf(flags) as ScheduleChanges;
          const told = flags.reset === true ? await reeve.schedules.reset(name) : undefined;
          return told !== undefined && Object.keys(changes).length === 0 ? told : reeve.schedules.edit(name, changes);
        },
        scheduleText,
      );
    });
}

/** The subcommands for the hour of need. */
function addControls(add: Add): void {
  add('pause <name>', 'Fire nothing until resume; what runs goes on')
    .option('--reason <text>', 'why, for whoever looks at it')
    .action(async (name: string, { reason }: { reason?: string }, command: Command) => {
      const why = { by: userInfo().username, ...(reason === undefined ? {} : { reason }) };
      await show(command, (reeve) => reeve.schedules.pause(name, why), scheduleText);
    });
  add('resume <name>', 'Go on with the first due time from now').action(
    async (name: string, _options: unknown, command: Command) => {
      await show(command, (reeve) => reeve.schedules.resume(name), scheduleText);
    },
  );
  add('run <name>', 'Start it once now; no due time changes').action(
    async (name: string, _options: unknown, command: Command) => {
      const work = (reeve: Reeve) => reeve.schedules.run(name);
      await show(
        command,
        work,
        ({ executionId, created }) => `${created ? 'started' : 'is alive already:'} ${executionId}`,
      );
    },
  );
  add('delete <name>', 'Delete a schedule with its verdicts; executions stay').action(
    async (name: string, _options: unknown, command: Command) => {
      await show(
        command,
        (reeve) => reeve.schedules.delete(name).then(() => ({ deleted: name })),
        () => `deleted ${name}`,
      );
    },
  );
}

async function show<T>(
  command: Command,
  work: (reeve: Reeve) => Promise<T>,
  text: (result: T) => string,
): Promise<void> {
  await withApp(command, async ({ reeve }, { json }) => {
    await connect(reeve);
    const result = await work(reeve);
    if (json) printJson(result);
    else printLine(text(result));
    return undefined;
  });
}
