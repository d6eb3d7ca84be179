/** The main module of the command `reeve`, started by bin/reeve.js. */
import { runCli } from './run-cli.ts';
import { followLauncher } from './stop-signals.ts';

followLauncher();

// Whoever reads the output may have seen enough: `reeve executions list | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const exitCode = await runCli(process.argv.slice(2));
// An app may hold sockets and timers of its own that nobody closes; what was printed must be out first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
