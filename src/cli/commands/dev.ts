import path from 'node:path';
import type { Command } from 'commander';
import { namedDatabase, startDevDatabase } from '../dev/embedded-database.ts';
import { superviseApp } from '../dev/supervise-app.ts';
import { watchSources } from '../dev/watch-sources.ts';
import { findConfig } from '../find-config.ts';
import { globalOptions } from '../global-options.ts';
import { listenForStop } from '../stop-signals.ts';
import { notice } from '../terminal.ts';

interface DevOptions {
  readonly data: string;
  readonly reload: boolean;
}

const defaultData = path.join('.reeve', 'postgres');

export function addDevCommand(program: Command): Command {
  return program
    .command('dev')
    .description(
      'Run everything in one terminal: database, migrations, a worker for every queue, beat, reload on change',
    )
    .option('--data <folder>', 'where the embedded PostgreSQL keeps its data', defaultData)
    .option('--no-reload', 'do not restart the app when a .ts or .js file beside its config changes')
    .addHelpText(
      'after',
      `
PostgreSQL is started only when neither DATABASE_URL nor PGHOST, PGPORT, PGDATABASE, PGUSER or PGSERVICE is set; the
app finds it in DATABASE_URL. Its data stays for the next time; remove the folder to start afresh.
Migrations of the app are run; an app without any gets its tables from its entities, in the embedded database only.
Ctrl+C finishes what runs and stops everything; a second one ends at once.`,
    )
    .action(async ({ data, reload }: DevOptions, command: Command) => {
      const stop = listenForStop();
      const { app, json, loglevel } = globalOptions(command);
      const file = findConfig(app);
      const dataDir = path.resolve(data);
      const named = namedDatabase(process.env);
      if (named !== undefined) notice(`using the database that ${named} names`);
      const server = named === undefined ? await startDevDatabase(dataDir) : undefined;
      const sources = reload ? watchSources(path.dirname(file), [dataDir]) : undefined;
      try {
        const showStack = loglevel === 'debug';
        process.exitCode = await superviseApp(
          { file, json, showStack, isEmbedded: server !== undefined },
          stop,
          sources,
        );
      } finally {
        sources?.close();
        await server?.stop();
      }
      notice('stopped');
    });
}
