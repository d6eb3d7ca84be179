import type { Command } from 'commander';
import { answerProbes, type ProbeFlags } from '../answer-probes.ts';
import { parsePort } from '../parse-values.ts';
import { listenForStop } from '../stop-signals.ts';
import { notice, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

export function addBeatCommand(program: Command): Command {
  return program
    .command('beat')
    .description('Fire schedules when they are due, until SIGINT or SIGTERM')
    .option('--probe-port <n>', 'answer /livez, /readyz and /metrics there (0: any free port)', parsePort)
    .option('--probe-host <address>', 'where to listen for probes (default: 127.0.0.1)')
    .addHelpText(
      'after',
      `
Run two or more: each due time gets one verdict and at most one execution, and no beat is special.
The first signal ends after what is under way, the second one at once; neither loses a due time.`,
    )
    .action(async (options: ProbeFlags, command: Command) => {
      const stop = listenForStop();
      await withApp(command, async ({ reeve }, { json }) => {
        await answerProbes(reeve, options);
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
