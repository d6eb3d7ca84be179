import { Option, type Command } from 'commander';
import { logLevels, type LogLevel } from '../core/logging.ts';

/** What every command understands, before or after its name. */
export interface GlobalOptions {
  readonly app: string | undefined;
  readonly json: boolean;
  readonly loglevel: LogLevel | undefined;
  readonly color: boolean;
}

/** Adds them to a command; commander itself would accept them only before the name of a subcommand. */
export function addGlobalOptions(command: Command): Command {
  return command
    .option('-A, --app <file>', 'the config of the app (default: reeve.config.ts, .js or .mjs here; env: REEVE_APP)')
    .option('--json', 'print the result, or the error, as one JSON document on standard output')
    .addOption(new Option('-l, --loglevel <level>', 'how much is logged (env: REEVE_LOG_LEVEL)').choices(logLevels))
    .option('--no-color', 'print without colours (env: NO_COLOR)');
}

interface Parsed {
  readonly app?: string;
  readonly json?: boolean;
  readonly loglevel?: LogLevel;
  readonly color: boolean;
}

/** Where an option is given twice, the one that is nearer to the command counts. */
export function globalOptions(command: Command): GlobalOptions {
  const chain: Parsed[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) chain.push(at.opts<Parsed>());
  return {
    app: chain.find((options) => options.app !== undefined)?.app,
    json: chain.some((options) => options.json === true),
    loglevel: chain.find((options) => options.loglevel !== undefined)?.loglevel,
    color: chain.every((options) => options.color),
  };
}

/** Hands the level and the colours on to the app and to child processes, which read the environment. */
export function applyGlobalOptions(options: GlobalOptions): void {
  if (options.loglevel !== undefined) process.env['REEVE_LOG_LEVEL'] = options.loglevel;
  if (options.color) return;
  process.env['NO_COLOR'] = '1';
  delete process.env['FORCE_COLOR'];
}
