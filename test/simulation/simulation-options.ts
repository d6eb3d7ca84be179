import { parseArgs } from 'node:util';
import { randomInt } from 'node:crypto';
import type { OrderedCrash } from './scenario.ts';
import { simulationSabotages, type SimulationSabotage } from './simulation-sabotages.ts';

export interface SimulationOptions {
  readonly seed: number;
  /** How long further seeds are taken; undefined: only the one. */
  readonly minutes: number | undefined;
  readonly crashAt: OrderedCrash | 'each' | undefined;
  readonly sabotage: SimulationSabotage | undefined;
  /** How many boundaries are printed when something breaks. */
  readonly traceLines: number;
}

export const usage =
  'npm run simulate -- [--seed N] [--minutes M] [--crash-at K|K+|each] [--sabotage NAME|list] [--trace LINES]';

/** `list` where the sabotages are to be printed. @throws Error with what is wrong, for people. */
export function parseSimulationOptions(args: readonly string[]): SimulationOptions | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string' },
      'crash-at': { type: 'string' },
      sabotage: { type: 'string' },
      trace: { type: 'string', default: '60' },
    },
  });
  if (values.sabotage === 'list') return 'list';
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed is ${values.seed}; write a whole number`);
  const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
  if (minutes !== undefined && !(minutes > 0 && minutes <= 24 * 60)) {
    throw new Error(`--minutes is ${values.minutes}; write 0.1 to 1440`);
  }
  const sabotage = simulationSabotages.find(({ name }) => name === values.sabotage);
  if (values.sabotage !== undefined && sabotage === undefined) {
    throw new Error(`there is no sabotage "${values.sabotage}" here; --sabotage list prints them`);
  }
  const traceLines = Number(values.trace);
  if (!Number.isSafeInteger(traceLines) || traceLines < 1)
    throw new Error(`--trace is ${values.trace}; write 1 or more`);
  return { traceLines, seed, minutes, crashAt: parseCrashAt(values['crash-at']), sabotage };
}

function parseCrashAt(text: string | undefined): SimulationOptions['crashAt'] {
  if (text === undefined || text === 'each') return text;
  const [, digits, plus] = /^(\d+)(\+?)$/.exec(text) ?? [];
  if (digits === undefined || Number(digits) < 1) {
    throw new Error(`--crash-at is ${text}; write 17 (before boundary 17), 17+ (after it) or each`);
  }
  return { boundary: Number(digits), when: plus === '+' ? 'after' : 'before' };
}
