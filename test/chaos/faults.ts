import { setTimeout as pause } from 'node:timers/promises';
import type { ChaosServers } from './chaos-servers.ts';
import type { Fault, FaultPlace } from './fault.ts';
import { jobsForged } from './forged-jobs.ts';
import { halfOpen, late, reset, silent } from './network-faults.ts';
import { backlogWiped, faultsEnded, frozen, frozenUntil, killed } from './process-faults.ts';

interface KnownFault {
  readonly weight: number;
  readonly run: Fault;
  /** Undefined where it can be made; otherwise why not. */
  readonly missing?: (servers: ChaosServers) => string | undefined;
}

const noRedis = ({ redis }: ChaosServers): string | undefined => (redis === undefined ? 'no Redis' : undefined);

const faults: Readonly<Record<string, KnownFault>> = {
  'worker killed': { weight: 5, run: killed('worker') },
  'worker frozen until its leases are over': { weight: 4, run: frozenUntil('its leases are over') },
  'worker frozen until others have its steps': { weight: 4, run: frozenUntil('others have its steps') },
  'beat killed': { weight: 2, run: killed('beat') },
  'beat frozen': { weight: 1, run: frozen('beat') },
  'producer killed': { weight: 1, run: killed('producer') },
  'producer frozen': { weight: 1, run: frozen('producer') },
  'broker wiped': { weight: 2, run: ({ servers }) => servers.wipeBroker() },
  'backlog wiped': { weight: 2, run: backlogWiped },
  'redis restarted empty': {
    weight: 1,
    missing: noRedis,
    run: async ({ servers, random }) => servers.redis?.restartEmpty(random.int(0, 1_500)),
  },
  'redis restarted with a truncated file': {
    weight: 1,
    missing: noRedis,
    run: async ({ servers, random }) => servers.redis?.restartTruncated(random.int(0, 1_500), random.next()),
  },
  'disk of redis full': {
    weight: 1,
    missing: ({ redis }) => (redis === undefined ? 'no Redis' : redis.noSmallDisk),
    run: async ({ servers, random }) => servers.redis?.fillDisk(random.int(500, 3_000)),
  },
  'connections cut': { weight: 3, run: ({ servers }) => servers.cutConnections() },
  'connections reset': { weight: 2, run: reset },
  'network late': { weight: 2, run: late },
  'network silent': { weight: 2, run: silent },
  'connections half-open': { weight: 2, run: halfOpen },
  'postgres restarted': { weight: 1, run: ({ servers, random }) => servers.restartPostgres(random.int(0, 1_000)) },
  'jobs forged': { weight: 2, run: jobsForged },
};

export const faultNames: readonly string[] = Object.keys(faults);

/** What cannot be done on this machine, and why; what another broker has is no matter. */
export function missingFaults(servers: ChaosServers): Record<string, string> {
  const reasons = Object.entries(faults).map(([name, { missing }]) => [name, missing?.(servers)] as const);
  return Object.fromEntries(
    reasons.filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== 'no Redis'),
  );
}

interface FaultPlan {
  /** Come first and every second time. */
  readonly wanted: readonly string[];
  /** How many times longer than on a quiet machine it takes to get over a fault. */
  readonly slowness: number;
  readonly isOver: () => boolean;
}

/** Every fault once, in a random order, then as their weights have it, until the time is over. */
export async function makeFaults(
  place: FaultPlace,
  { wanted, slowness, isOver }: FaultPlan,
): Promise<Record<string, number>> {
  const { random, servers } = place;
  const known = Object.entries(faults).filter(([, { missing }]) => missing?.(servers) === undefined);
  const weighted = known.flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name));
  const first = [...wanted, ...random.shuffle(known.map(([name]) => name).filter((name) => !wanted.includes(name)))];
  const counts: Record<string, number> = {};
  for (let count = 0; !isOver(); count += 1) {
    // What a sabotage is looked for with comes again and again between the others.
    const again = count % 2 === 1 ? wanted[Math.floor(count / 2) % Math.max(1, wanted.length)] : undefined;
    const name = again ?? first.shift() ?? random.pick(weighted);
    try {
      await faults[name]?.run(place);
      counts[name] = (counts[name] ?? 0) + 1;
    } catch {
      // What is down already cannot be hit: a fault of its own, which the next one finds over.
      counts[`${name}: in vain`] = (counts[`${name}: in vain`] ?? 0) + 1;
    }
    await pause(random.int(200, 1_600) * slowness);
  }
  await faultsEnded();
  return counts;
}
