/**
 * A worker process: `node worker.ts heavy` serves the queue `heavy`, and nothing else, until it is told to stop.
 *
 * It stops when the channel to the demo closes, however the demo ends. A Ctrl+C in the terminal reaches the whole
 * process group, so it is left to the demo to say when.
 */
import { dataSource } from './ormconfig.ts';
import reeve from './reeve.config.ts';

let stopping: Promise<void> | undefined;

async function serve(queues: readonly string[]): Promise<void> {
  await reeve.startWorker({ queues });
  process.send?.('ready');
}

async function stop(): Promise<void> {
  await reeve.close();
  if (dataSource.isInitialized) await dataSource.destroy();
}

function end(): void {
  stopping ??= stop().then(
    () => process.exit(process.exitCode ?? 0),
    () => process.exit(1),
  );
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', end);
process.on('message', (message) => {
  if (message !== 'start') return end();
  serve(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${Error.isError(error) ? error.message : String(error)}\n`);
    process.exitCode = 1;
    end();
  });
});
