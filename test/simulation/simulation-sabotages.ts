import { sabotages, type Sabotage } from '../chaos/sabotages.ts';
import type { FaultName } from './profile.ts';

/**
 * The guards of the chaos suite whose absence shows between transactions. What only matters inside of one, the lock of a
 * row (`no-throttle-lock`, `fire-not-unique`), cannot be missed here, where transactions run one after another.
 */
const shared: Readonly<Record<string, readonly FaultName[]>> = {
  'no-token-check': ['freeze'],
  'no-reconciler': ['wipe'],
  'lease-ignored': [],
  'reaper-without-recheck': ['freeze', 'late'],
  'completion-not-atomic': [],
  'publish-before-commit': [],
};

/** A sabotage with the faults that its guard is for: they come in any case, and often. */
export interface SimulationSabotage extends Sabotage {
  readonly favoured: readonly FaultName[];
}

export const simulationSabotages: readonly SimulationSabotage[] = [
  ...sabotages.flatMap((sabotage) => {
    const favoured = shared[sabotage.name];
    return favoured === undefined ? [] : [{ ...sabotage, favoured }];
  }),
  {
    name: 'stale-throttle-count',
    what: 'permits are given by what was counted before the throttle was locked',
    faults: [],
    favoured: ['late'],
    edits: [
      {
        file: 'src/executions/permits.ts',
        from: 'const admitted = pool.transaction(async (connection) =>',
        to: `const counted = await listRoom(pool, await listKeysWithHeads(pool, [key]));
    const admitted = pool.transaction(async (connection) =>`,
      },
      {
        file: 'src/executions/permits.ts',
        from: 'admit(connection, writes, await lockKeys(connection, [key])),',
        to: 'admit(connection, writes, await lockKeys(connection, [key]), undefined, counted),',
      },
      {
        file: 'src/executions/permits.ts',
        from: `  freed: ReadonlyMap<string, number> = new Map(),
): Promise<Admitted> {`,
        to: `  freed: ReadonlyMap<string, number> = new Map(),
  counted?: Awaited<ReturnType<typeof listRoom>>,
): Promise<Admitted> {`,
      },
      {
        file: 'src/executions/permits.ts',
        from: 'const room = await listRoom(connection, locked);',
        to: `const room = counted ?? (await listRoom(connection, locked));
    counted = undefined;`,
      },
    ],
  },
];
