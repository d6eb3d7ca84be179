import { Command } from 'commander';
import { packageVersion } from '../core/package-version.ts';
import { addControlCommand } from './commands/control.ts';
import { addBeatCommand } from './commands/beat.ts';
import { addDevCommand } from './commands/dev.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addExecutionsCommand } from './commands/executions.ts';
import { addLeaksCommand } from './commands/leaks.ts';
import { addListCommand } from './commands/list.ts';
import { addMooCommand } from './commands/moo.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import {
  addPauseCommand,
  addResumeCommand,
  addRetryCommand,
  addRevokeCommand,
  addSkipCommand,
} from './commands/operate.ts';
import { addScheduleCommand } from './commands/schedule.ts';
import { addStatusCommand } from './commands/status.ts';
import { addThrottleCommand } from './commands/throttle.ts';
import { addWhyCommand } from './commands/why.ts';
import { addWorkerCommand } from './commands/worker.ts';
import { addGlobalOptions, applyGlobalOptions, globalOptions, type GlobalOptions } from './global-options.ts';

/**
 * The command line as commander knows it. It never exits by itself: wrong calls are thrown as CommanderError.
 *
 * @param onOptions - Told of the global options before a command runs.
 */
export function makeProgram(onOptions: (options: GlobalOptions) => void): Command {
  const program = new Command('reeve')
    .description('Executors for operations on resources: state-tracked chains of tasks on queues')
    .version(packageVersion(), '-V, --version', 'print the version')
    .exitOverride()
    // The one place where errors are printed is reportError.
    .configureOutput({ outputError: () => undefined })
    .addHelpText(
      'after',
      `
Exit codes: 0 ok, 1 failure, 2 wrong call, 3 not found, 69 database or Redis does not answer, 75 try again later.
Errors are on standard error; with --json they are {"error": {"code", "message", "next", "details"}} on standard output.

Examples:
  $ reeve dev                                 everything in one terminal, database included
  $ reeve migrate                             create or update Reeve's tables
  $ reeve worker -Q heavy -c 2                a pool for the queue "heavy"
  $ reeve beat                                fire schedules when they are due
  $ reeve status                              queues and workers
  $ reeve doctor --invariants                 what bites, and every rule of the ledger
  $ reeve executions list --state failed      what went wrong
  $ reeve executions show 0198d2c4            steps, attempts and errors of one execution
  $ reeve why 0198d2c4                        what it waits for
  $ reeve retry 0198d2c4                      let it go on where it failed
  $ reeve control pause heavy                 hold a queue
  $ reeve throttle set provision:eu 10        raise a limit while work is under way`,
    )
    .hook('preAction', (_program, command) => {
      const options = globalOptions(command);
      applyGlobalOptions(options);
      onOptions(options);
    });
  addGlobalOptions(program);
  const add = [
    addMigrateCommand,
    addWorkerCommand,
    addBeatCommand,
    addDevCommand,
    addListCommand,
    addExecutionsCommand,
    addLeaksCommand,
    addScheduleCommand,
    addStatusCommand,
    addDoctorCommand,
    addThrottleCommand,
    addWhyCommand,
    addMooCommand,
    addRevokeCommand,
    addRetryCommand,
    addSkipCommand,
    addPauseCommand,
    addResumeCommand,
    addControlCommand,
  ];
  for (const addCommand of add) addGlobalOptions(addCommand(program));
  return program;
}
