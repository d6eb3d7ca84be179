/** The main module of the process that runs the app for `reeve dev`. */
import { prepareTables } from './prepare-tables.ts';
import { stopMessage, type AppProcessOptions } from './app-process.ts';
import { exitCodes } from '../exit-codes.ts';
import { closeApp, loadApp } from '../load-app.ts';
import { reportError } from '../report-error.ts';
import { serveQueues } from '../serve-queues.ts';

const orphanStopMs = 5_000;

const options = JSON.parse(process.argv[2] ?? '{}') as AppProcessOptions;
const { promise: stopAsked, resolve: stop } = Promise.withResolvers<string>();

// The parent gets the Ctrl+C too, and asks for the stop in the right order.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => stop('SIGTERM'));
process.on('message', (message) => {
  if (message === stopMessage) stop('stop');
});
process.on('disconnect', () => {
  // Without the parent an embedded database ends as well, and nothing that runs here can be finished.
  setTimeout(() => process.exit(exitCodes.failure), orphanStopMs).unref();
  stop('the end of reeve dev');
});

async function run(): Promise<number> {
  const app = await loadApp(options.file);
  try {
    await prepareTables(app.reeve, options.isEmbedded ? process.env['DATABASE_URL'] : undefined);
    await app.reeve.startBeat();
    return await serveQueues(app, {
      queues: app.reeve.options.queues,
      json: options.json,
      burst: false,
      limits: {},
      stopAsked,
    });
  } finally {
    await closeApp(app);
  }
}

const exitCode = await run().catch((error: unknown) => reportError(error, options));
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)));
