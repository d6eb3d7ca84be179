import type { Command } from 'commander';
import { chooseQueues, type QueueChoice } from '../choose-queues.ts';
import { exitCodes } from '../exit-codes.ts';
import { answerProbes, type ProbeFlags } from '../answer-probes.ts';
import { parseCount, parseNames, parsePort, parseWhole } from '../parse-values.ts';
import { isRecycled, runRecycled, type RecycleLimits } from '../recycle.ts';
import { serveQueues } from '../serve-queues.ts';
import { listenForStop } from '../stop-signals.ts';
import { connect, withApp } from '../with-app.ts';

interface WorkerOptions extends ProbeFlags, RecycleLimits {
  readonly queues?: readonly string[];
  readonly excludeQueues?: readonly string[];
  readonly concurrency?: number;
  readonly burst?: boolean;
}

export function addWorkerCommand(program: Command): Command {
  return program
    .command('worker')
    .description('Run the steps of chosen queues until SIGINT or SIGTERM')
    .option('-Q, --queues <names>', 'serve only these queues, such as tasks,heavy (default: all)', parseNames)
    .option('-X, --exclude-queues <names>', 'serve all queues but these', parseNames)
    .option('-c, --concurrency <n>', 'how many steps run at once on each queue of -Q (default: the config)', parseCount)
    .option('--burst', 'exit when nothing is ready, running or delayed on the queues')
    .option('--max-tasks <n>', 'replace the process by a fresh one after so many steps', parseWhole)
    .option('--max-memory <mb>', 'replace the process when it uses more than so many megabytes', parseWhole)
    .option('--probe-port <n>', 'answer /livez, /readyz and /metrics there (0: any free port)', parsePort)
    .option('--probe-host <address>', 'where to listen for probes (default: 127.0.0.1)')
    .addHelpText(
      'after',
      `
The banner is on standard output (with --json: one document when the worker is ready), the log on standard error.
The first signal finishes what runs, for as long as "drain" in the config allows; then steps get their signal and
"stopGrace" to end, and what does so goes on elsewhere at once. A second signal exits at once.

Exit codes: 0 stopped, 1 failure or second signal, 69 database or Redis does not answer, 75 steps were left behind.

Examples:
  $ reeve worker                     all queues, as configured
  $ reeve worker -Q heavy -c 2       a pool of its own for heavy steps
  $ reeve worker -X heavy --burst    work off everything else and exit
  $ reeve worker --max-memory 512    a fresh process whenever this one has grown`,
    )
    .action(async (options: WorkerOptions, command: Command) => {
      if ((options.maxTasks ?? options.maxMemory) !== undefined && !isRecycled()) {
        process.exitCode = await runRecycled();
        return;
      }
      const stop = listenForStop();
      await withApp(command, async (app, { json }) => {
        const choice: QueueChoice = { ...options, excluded: options.excludeQueues };
        const queues = chooseQueues(choice, app.reeve.options.queues);
        await answerProbes(app.reeve, options);
        await connect(app.reeve);
        if (stop.isAsked()) return exitCodes.ok;
        return serveQueues(app, {
          queues,
          json,
          burst: options.burst ?? false,
          stopAsked: stop.asked,
          limits: options,
        });
      });
    });
}
