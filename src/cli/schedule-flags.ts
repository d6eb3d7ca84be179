import { InvalidArgumentError, Option, type Command } from 'commander';
import type { JsonValue } from '../core/json.ts';

/** The options of a schedule, as flags; each has the meaning of the option of the same name in code. */
export interface PolicyFlags {
  readonly cron?: string;
  readonly every?: string;
  readonly at?: string;
  readonly timeZone?: string;
  readonly starts?: string;
  readonly ends?: string;
  readonly jitter?: string;
  readonly maxRuns?: number;
  readonly expire?: string;
  readonly overlap?: string;
  readonly catchUp?: JsonValue;
  readonly gap?: string;
  readonly fold?: string;
  readonly input?: JsonValue;
}

const names = [
  'cron',
  'every',
  'at',
  'timeZone',
  'starts',
  'ends',
  'jitter',
  'maxRuns',
  'expire',
  'overlap',
  'catchUp',
  'gap',
  'fold',
  'input',
] as const;

const overlaps = ['skip', 'bufferOne', 'allow', 'cancelRunning'];

export function addPolicyOptions(command: Command): Command {
  return command
    .option('--cron <expression>', 'five or six fields, such as "30 3 * * MON-FRI"')
    .option('--every <period>', 'such as 15m')
    .option('--at <time>', 'once, such as 2026-12-24T18:00:00+02:00')
    .option('--time-zone <zone>', 'such as Europe/Tallinn (default: UTC)')
    .option('--starts <time>', 'nothing is due before')
    .option('--ends <time>', 'nothing is due after')
    .option('--jitter <period>', 'how much later it may be due, fixed by its name')
    .option('--max-runs <n>', 'how often it fires at most', Number)
    .option('--expire <period>', 'a due time that is later is missed')
    .addOption(new Option('--overlap <policy>', 'while a run is alive').choices(overlaps))
    .option('--catch-up <policy>', 'after downtime: none, last, or a window such as 6h', parseCatchUp)
    .addOption(new Option('--gap <policy>', 'local times that the clock jumps over').choices(['skip', 'shift']))
    .addOption(new Option('--fold <policy>', 'local times that come twice').choices(['once', 'twice']))
    .option('--input <json>', 'the input of its target', parseJson);
}

/** The options that were given. */
export function policiesOf(flags: PolicyFlags): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]));
}

function parseCatchUp(text: string): JsonValue {
  return text === 'none' || text === 'last' ? text : { window: text };
}

function parseJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new InvalidArgumentError(`Write JSON, such as '{"serverId": "main"}'.`);
  }
}
