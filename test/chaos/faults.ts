import { setTimeout as pause } from 'node:timers/promises';
import { createLogger } from '../../src/index.ts';
import { Broker } from '../../src/queues/broker.ts';
import { jobId, stepJob } from '../../src/queues/job.ts';
import type { TestRandom } from '../support/random.ts';
import { leaseMs, type ChaosApp } from './chaos-app.ts';
import type { ChaosProcess, Role } from './chaos-processes.ts';
import type { ChaosServers } from './chaos-servers.ts';

export interface FaultPlace {
  readonly servers: ChaosServers;
  readonly processes: readonly ChaosProcess[];
  readonly app: ChaosApp;
  readonly random: TestRandom;
}

type Fault = (place: FaultPlace) => Promise<void>;

interface StepRow {
  readonly execution_id: string;
  readonly position: number;
  readonly delivery: number;
  readonly queue: string;
}

/** Processes that are frozen or dead now: no second fault meets them. */
const away = new Set<ChaosProcess>();
const underWay = new Set<Promise<void>>();

function pick({ processes, random }: FaultPlace, role: Role): ChaosProcess | undefined {
  const left = processes.filter((one) => one.role === role && !away.has(one));
  return left.length === 0 ? undefined : random.pick(left);
}

/** Does what takes a while beside the faults that come next. */
function beside(process: ChaosProcess, what: () => Promise<void>): void {
  away.add(process);
  const done = what().finally(() => {
    away.delete(process);
    underWay.delete(done);
  });
  underWay.add(done);
}

function killed(role: Role): Fault {
  return async (place) => {
    const one = pick(place, role);
    if (one === undefined) return;
    const awayMs = place.random.int(0, 800);
    beside(one, async () => {
      await one.kill();
      await pause(awayMs);
      one.start();
    });
  };
}

/** For about as long as a lease, so that it wakes while its claims are being taken away, or for much longer. */
function frozen(role: Role): Fault {
  return async (place) => {
    const one = pick(place, role);
    if (one === undefined) return;
    const isShort = place.random.next() < 0.6;
    const ms = isShort ? place.random.int(leaseMs * 0.8, leaseMs * 1.25) : place.random.int(leaseMs * 1.3, leaseMs * 3);
    beside(one, async () => {
      one.freeze();
      await pause(ms);
      one.thaw();
    });
  };
}

/** Jobs that nobody has published: copies, old deliveries, steps that are not there, other engines, garbage. */
const forgeJobs: Fault = async ({ servers, app, random }) => {
  const postgres = { connectionString: servers.place.url, connectionTimeoutMillis: 5_000 };
  const [engine] = await app.dataSource.query<{ id: string }[]>('SELECT id FROM reeve.engine');
  const steps = await app.dataSource.query<StepRow[]>(
    `SELECT execution_id, position, delivery, queue FROM reeve.step WHERE state IN ('ready', 'running', 'succeeded')
     ORDER BY ready_at DESC NULLS LAST LIMIT 20`,
  );
  const id = engine?.id ?? '';
  const redisUrl = servers.place.redis;
  const broker = new Broker({
    redisUrl,
    postgres,
    brokerSchema: 'reeve_broker',
    engineId: id,
    leaseMs: 2_000,
    logger: createLogger('silent'),
  });
  try {
    const forged = steps.flatMap((row) => {
      const step = { executionId: row.execution_id, position: row.position, queue: row.queue, priority: 0 };
      const same = { ...step, delivery: row.delivery };
      const old = { ...step, delivery: Math.max(0, row.delivery - 1) };
      return [same, old, { ...same, position: 999 }].map((one) => stepJob(id, one));
    });
    const jobs = [
      ...forged,
      ...forged.slice(0, 3).map((job) => ({ ...job, engine: 'another' })),
      ...forged.slice(0, 3).map((job) => ({ ...job, v: 99 })),
      'garbage',
      null,
    ];
    await broker.addJobs(
      'tasks',
      random.shuffle(jobs).map((data, index) => ({
        name: 'step',
        data,
        opts: { jobId: `${jobId({ executionId: 'forged', position: index, delivery: 0 })}_${random.int(0, 1e9)}` },
      })),
    );
  } finally {
    await broker.close();
  }
};

const faults: Readonly<Record<string, { readonly weight: number; readonly redisOnly?: boolean; readonly run: Fault }>> =
  {
    'worker killed': { weight: 5, run: killed('worker') },
    'worker frozen': { weight: 6, run: frozen('worker') },
    'beat killed': { weight: 2, run: killed('beat') },
    'beat frozen': { weight: 1, run: frozen('beat') },
    'producer killed': { weight: 1, run: killed('producer') },
    'producer frozen': { weight: 1, run: frozen('producer') },
    'broker wiped': { weight: 3, run: ({ servers }) => servers.wipeBroker() },
    'redis restarted empty': {
      weight: 1,
      redisOnly: true,
      run: ({ servers, random }) => servers.restartRedis(random.int(0, 1_500)),
    },
    'connections cut': { weight: 3, run: ({ servers }) => servers.cutConnections() },
    'postgres restarted': { weight: 1, run: ({ servers, random }) => servers.restartPostgres(random.int(0, 1_000)) },
    'jobs forged': { weight: 2, run: forgeJobs },
  };

/** Every fault once, in a random order, then as their weights have it, until the time is over. */
export async function makeFaults(place: FaultPlace, isOver: () => boolean): Promise<Record<string, number>> {
  const { random, servers } = place;
  const known = Object.entries(faults).filter(([, { redisOnly }]) => redisOnly !== true || servers.hasRedis);
  const weighted = known.flatMap(([name, { weight }]) => Array.from({ length: weight }, () => name));
  const first = random.shuffle(known.map(([name]) => name));
  const counts: Record<string, number> = {};
  while (!isOver()) {
    const name = first.shift() ?? random.pick(weighted);
    try {
      await faults[name]?.run(place);
      counts[name] = (counts[name] ?? 0) + 1;
    } catch {
      // What is down already cannot be hit: a fault of its own, which the next one finds over.
      counts[`${name}: in vain`] = (counts[`${name}: in vain`] ?? 0) + 1;
    }
    await pause(random.int(200, 1_600));
  }
  await Promise.all(underWay);
  return counts;
}
