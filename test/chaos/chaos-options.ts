import { parseArgs } from 'node:util';
import { randomInt } from 'node:crypto';
import type { BrokerName } from '../support/bundle.ts';
import { sabotages, type Sabotage } from './sabotages.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly brokers: readonly BrokerName[];
  readonly sabotage: Sabotage | undefined;
}

export const usage = `npm run chaos -- [--seed N] [--minutes M] [--broker postgres|redis] [--sabotage NAME|list]`;

/** `list` where the sabotages are to be printed. @throws Error with what is wrong, for people. */
export function parseChaosOptions(args: readonly string[]): ChaosOptions | 'list' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      minutes: { type: 'string', default: '1' },
      broker: { type: 'string' },
      sabotage: { type: 'string' },
    },
  });
  if (values.sabotage === 'list') return 'list';
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed is ${values.seed}; write a whole number`);
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error(`--minutes is ${values.minutes}; write 0.1 to 1440`);
  const { broker } = values;
  if (broker !== undefined && broker !== 'postgres' && broker !== 'redis') {
    throw new Error(`--broker is ${broker}; write postgres or redis`);
  }
  const sabotage = sabotages.find(({ name }) => name === values.sabotage);
  if (values.sabotage !== undefined && sabotage === undefined) {
    throw new Error(`there is no sabotage "${values.sabotage}"; --sabotage list prints them`);
  }
  return { seed, minutes, brokers: broker === undefined ? ['postgres', 'redis'] : [broker], sabotage };
}
