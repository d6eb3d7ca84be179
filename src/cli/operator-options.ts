import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import type { OperatorOptions } from '../executions/operator.ts';

/** Who asks, and why: `--by` and `--reason`, which are kept in the audit. */
export function addOperatorOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why; kept in the audit')
    .option('--by <name>', 'who asks; kept in the audit (default: you on this host)');
}

/** The options as given, with the user of this process where nobody is named. */
export function operatorOptions(options: OperatorOptions): { readonly by: string; readonly reason?: string } {
  const by = options.by ?? `${userName()}@${hostname()}`;
  return options.reason === undefined ? { by } : { by, reason: options.reason };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'somebody');
  }
}
