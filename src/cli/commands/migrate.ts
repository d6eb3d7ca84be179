import type { Command } from 'commander';
import { printJson, printLine } from '../terminal.ts';
import { withApp } from '../with-app.ts';

export function addMigrateCommand(program: Command): Command {
  return program
    .command('migrate')
    .description("Bring Reeve's tables up to date; safe to run at any time, by many at once")
    .addHelpText(
      'after',
      `
The tables of the app itself are left to the app. Where PostgreSQL is the broker its tables are brought up to date too.
With --json: {"migrations": [name, …]}, the migrations that ran now.`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        const migrations = await reeve.migrate();
        if (json) printJson({ migrations });
        else if (migrations.length === 0) printLine('up to date');
        else for (const name of migrations) printLine(`ran ${name}`);
        return undefined;
      });
    });
}
