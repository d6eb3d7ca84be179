import type { Command } from 'commander';
import { listenForStop } from '../stop-signals.ts';
import { notice, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

export function addBeatCommand(program: Command): Command {
  return program
    .command('beat')
    .description('Fire schedules when they are due, until SIGINT or SIGTERM')
    .addHelpText(
      'after',
      `
Run two or more: each due time gets one verdict and at most one execution, and no beat is special.
The first signal ends after what is under way, the second one at once; neither loses a due time.`,
    )
    .action(async (_options: unknown, command: Command) => {
      const stop = listenForStop();
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const beat = await reeve.startBeat();
        const schedules = reeve.options.schedules.map(({ name }) => name);
        if (json) printJson({ event: 'beat.ready', pid: process.pid, schedules });
        else printLine(`beat ${process.pid} is ready; schedules in code: ${schedules.join(', ') || 'none'}`);
        const why = await stop.asked;
        notice(`${why}: stopping`);
        await beat.stop();
        return undefined;
      });
    });
}
