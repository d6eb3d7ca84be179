import type { TestRandom } from '../support/random.ts';

/** How often what goes wrong in a scenario: chances for each boundary, except where it says otherwise. */
export interface Profile {
  readonly refused: number;
  readonly answerLost: number;
  /** That a message is late by up to three leases. */
  readonly late: number;
  readonly crash: number;
  readonly freeze: number;
  readonly stop: number;
  readonly wipe: number;
  /** For each job. */
  readonly drop: number;
  readonly duplicate: number;
  readonly delay: number;
  /** Whether one process has a bad line: a third of its messages are late. */
  readonly sluggish: boolean;
  /** That time passes although something could be done now. */
  readonly hurry: number;
}

const nothing: Profile = {
  refused: 0,
  answerLost: 0,
  late: 0,
  crash: 0,
  freeze: 0,
  stop: 0,
  wipe: 0,
  drop: 0,
  duplicate: 0,
  delay: 0,
  sluggish: false,
  hurry: 0.05,
};

/** Nothing goes wrong but what is ordered. */
export const calm: Profile = nothing;

const often = {
  refused: 0.01,
  answerLost: 0.01,
  late: 0.02,
  crash: 0.004,
  freeze: 0.006,
  stop: 0.002,
  wipe: 0.002,
  drop: 0.1,
  duplicate: 0.1,
  delay: 0.2,
} as const;

export type FaultName = keyof typeof often;

/** Each scenario has some kinds of faults and not others: where everything fails all the time, little can go wrong late. */
export function someProfile(random: TestRandom, favoured: readonly FaultName[]): Profile {
  const chosen = Object.entries(often).flatMap(([name, chance]) => {
    const factor = (random.next() < 0.5 ? 1 : 0) * (0.3 + 1.5 * random.next());
    return [[name, chance * (favoured.some((one) => one === name) ? 2 : factor)] as const];
  });
  const sluggish = random.next() < 0.3;
  return { ...nothing, sluggish, hurry: random.pick([0.01, 0.05, 0.2]), ...Object.fromEntries(chosen) };
}
