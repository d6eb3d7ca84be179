import { parseArgs } from 'node:util';
import { didYouMean } from '../../src/core/nearest-name.ts';

export interface DemoOptions {
  readonly manifest: string;
  /** Where everything is kept; undefined for a folder that is removed at the end. */
  readonly keep: string | undefined;
  /** A folder that an earlier run kept, to be looked at. */
  readonly open: string | undefined;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly help: boolean;
}

/** The command line cannot be understood. */
export class UsageError extends Error {}

export const helpText = `npm run demo -- [options]

Provisions the databases of a manifest through Reeve executors, on a PostgreSQL server that it starts
itself, and then asks the server what it really holds.

  --manifest FILE  what to provision (default: examples/provision/databases.yaml)
  --keep DIR       keep data, secrets and logs in DIR, a new or an empty folder, instead of removing them
  --open DIR       start the server of a kept folder again and say how to connect; provisions nothing
  --json           one JSON object on standard output; progress goes to standard error
  --verbose        the log of the engine on standard error, instead of in a file
  --help           this text

Environment:
  DATABASE_URL     a PostgreSQL server (superuser) to use instead of the embedded one; everything that was
                   made there is dropped at the end, unless --keep is given
  REDIS_URL        a Redis as broker; without it BullMQ keeps its jobs in PostgreSQL

Exit codes:
  0    the server holds what the report says, and every database ended as the manifest expects
  1    they differ in a row, a database erred that the manifest does not mark with "expect: erred",
       one so marked did not, the login with a generated password failed, or the demo itself failed
  2    the command line or the manifest is wrong; nothing was started
  130  stopped by Ctrl+C (143 by SIGTERM)
`;

const known = {
  manifest: { type: 'string' },
  keep: { type: 'string' },
  open: { type: 'string' },
  json: { type: 'boolean' },
  verbose: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws UsageError for an unknown option, a missing value, or a word that is none. */
export function parseDemoOptions(args: readonly string[], defaultManifest: string): DemoOptions {
  const { values, tokens } = parseArgs({ args: [...args], options: known, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(`"${token.value}" is not an option`);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name as keyof typeof known] : undefined;
    if (option === undefined) {
      throw new UsageError(`unknown option ${token.rawName}${didYouMean(token.name, Object.keys(known))}`);
    }
    const isGiven = token.value !== undefined && token.value !== '' && !token.value.startsWith('--');
    if (option.type === 'string' && !isGiven) throw new UsageError(`${token.rawName} needs a value`);
    if (option.type === 'boolean' && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
  }
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  if (values['keep'] !== undefined && values['open'] !== undefined) {
    throw new UsageError('--keep and --open cannot be used together');
  }
  return {
    manifest: text(values['manifest']) ?? defaultManifest,
    keep: text(values['keep']),
    open: text(values['open']),
    json: values['json'] === true,
    verbose: values['verbose'] === true,
    help: values['help'] === true,
  };
}
