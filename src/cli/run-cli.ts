import { CommanderError } from 'commander';
import { exitCodes } from './exit-codes.ts';
import { makeProgram } from './program.ts';
import { reportError } from './report-error.ts';

/** Runs one command and answers the exit code. What goes wrong is told here, never thrown. */
export async function runCli(args: readonly string[]): Promise<number> {
  let json = args.includes('--json');
  let showStack = false;
  const program = makeProgram((options) => {
    json = options.json;
    showStack = options.loglevel === 'debug';
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    // Help and version are thrown too, once they are printed; help that nobody asked for counts as a wrong call.
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    return reportError(error, { json, showStack });
  }
}
