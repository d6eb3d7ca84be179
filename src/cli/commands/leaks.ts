import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { table } from '../tables.ts';
import { harmless, printJson, printLine } from '../terminal.ts';
import { connect, withApp } from '../with-app.ts';

/** What forced deletions may have left in outside systems. */
export function addLeaksCommand(program: Command): Command {
  const leaks = program.command('leaks').description('List and resolve what forced deletions may have left outside');
  leaks
    .command('list', { isDefault: true })
    .description('Show the open leak records')
    .option('--resolved', 'those that are resolved as well')
    .action(async ({ resolved }: { resolved?: boolean }, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        const found = await reeve.leaks({ resolved: resolved ?? false });
        if (json) printJson(found);
        else if (found.length === 0) printLine('nothing is known to remain outside');
        else {
          const rows = found.map((leak) => [
            leak.id,
            `${leak.resourceType}/${leak.resourceId}`,
            harmless(JSON.stringify(leak.remains)),
            harmless(leak.error.message),
            leak.resolvedBy === null ? 'open' : `resolved by ${harmless(leak.resolvedBy)}`,
          ]);
          printLine(table(['leak', 'resource', 'may remain', 'error', ''], rows));
        }
        return undefined;
      });
    });
  leaks
    .command('resolve <id>')
    .description('Note that a leak has been dealt with')
    .option('--by <name>', 'who did it', userInfo().username)
    .option('--note <text>', 'how')
    .action(async (id: string, { by, note }: { by: string; note?: string }, command: Command) => {
      await withApp(command, async ({ reeve }, { json }) => {
        await connect(reeve);
        await reeve.resolveLeak(id, { by, ...(note === undefined ? {} : { note }) });
        if (json) printJson({ id, resolved: true });
        else printLine(`leak ${id} is resolved`);
        return undefined;
      });
    });
  return leaks;
}
