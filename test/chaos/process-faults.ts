import { setTimeout as pause } from 'node:timers/promises';
import { leaseMs } from './chaos-app.ts';
import type { ChaosProcess, Role } from './chaos-processes.ts';
import type { Fault, FaultPlace } from './fault.ts';

/** Processes that a fault has now: no second one meets them. */
const away = new Set<ChaosProcess>();
const underWay = new Set<Promise<void>>();

/** Somebody of that role whom no fault has. */
export function pick({ processes, random }: FaultPlace, role: Role | undefined): ChaosProcess | undefined {
  const left = processes.filter((one) => (role === undefined || one.role === role) && !away.has(one));
  return left.length === 0 ? undefined : random.pick(left);
}

/** Does what takes a while beside the faults that come next. */
export function beside(process: ChaosProcess, what: () => Promise<void>): void {
  away.add(process);
  const done = what().finally(() => {
    away.delete(process);
    underWay.delete(done);
  });
  underWay.add(done);
}

/** Once every fault that was begun is over. */
export async function faultsEnded(): Promise<void> {
  await Promise.all(underWay);
}

export function killed(role: Role): Fault {
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

/** For about as long as a lease, or for much longer. */
export function frozen(role: Role): Fault {
  return async (place) => {
    const one = pick(place, role);
    if (one === undefined) return;
    const ms = place.random.int(leaseMs * 0.9, leaseMs * 3);
    beside(one, async () => {
      one.freeze();
      await pause(ms);
      one.thaw();
    });
  };
}

type Moment = 'its leases are over' | 'others have its steps';

interface HeldStep {
  readonly execution_id: string;
  readonly position: number;
  readonly claim_token: string;
}

/**
 * A worker that has steps is frozen, and wakes at a bad moment: when its leases are just over and somebody is about to
 * take its steps away, or when others have them already.
 */
export function frozenUntil(moment: Moment): Fault {
  return (place) => freezeUntil(place, moment);
}

async function freezeUntil(place: FaultPlace, moment: Moment): Promise<void> {
  const { app, random, processes } = place;
  const busy = await app.dataSource.query<{ pid: number }[]>(
    `SELECT w.pid FROM reeve.step AS s JOIN reeve.worker AS w ON w.id = s.worker_id
     WHERE s.state = 'running' GROUP BY w.pid ORDER BY sum(coalesce((s.args->>'ms')::integer, 0)) DESC`,
  );
  const free = processes.filter((one) => one.role === 'worker' && !away.has(one));
  const one = busy.flatMap(({ pid }) => free.find((process) => process.pid === pid) ?? [])[0];
  if (one === undefined) {
    await frozen('worker')(place);
    return;
  }
  const laterMs = moment === 'its leases are over' ? random.int(50, 600) : random.int(0, 300);
  beside(one, async () => {
    one.freeze();
    const held = await app.dataSource
      .query<HeldStep[]>(
        `SELECT s.execution_id, s.position, s.claim_token FROM reeve.step AS s JOIN reeve.worker AS w ON w.id = s.worker_id
         WHERE s.state = 'running' AND w.pid = $1`,
        [one.pid],
      )
      .catch(() => []);
    const until = performance.now() + leaseMs * 4;
    while (performance.now() < until && !(await isTime(app, held, moment))) await pause(20);
    await pause(laterMs);
    one.thaw();
  });
}

async function isTime({ dataSource }: FaultPlace['app'], held: readonly HeldStep[], moment: Moment): Promise<boolean> {
  const condition =
    moment === 'its leases are over'
      ? 's.claim_token = h.token AND s.lease_until < clock_timestamp()'
      : `s.claim_token <> h.token AND s.state = 'running'`;
  const rows = await dataSource
    .query<unknown[]>(
      `SELECT 1 FROM reeve.step AS s JOIN unnest($1::uuid[], $2::integer[], $3::uuid[]) AS h(execution_id, position, token)
         ON s.execution_id = h.execution_id AND s.position = h.position WHERE ${condition} LIMIT 1`,
      [held.map((row) => row.execution_id), held.map((row) => row.position), held.map((row) => row.claim_token)],
    )
    .catch(() => []);
  return rows.length > 0;
}

/**
 * Nobody takes jobs, what was published by then is marked as such, and then the broker forgets it: whoever compares
 * ledger and broker is the only one who can tell.
 */
export const backlogWiped: Fault = async (place) => {
  const { servers, processes } = place;
  const workers = processes.filter((one) => one.role === 'worker' && !away.has(one));
  const hold = Promise.withResolvers<void>();
  for (const worker of workers) {
    beside(worker, async () => {
      await worker.kill();
      await hold.promise;
      worker.start();
    });
  }
  try {
    await pause(place.random.int(1_200, 2_000));
    await servers.wipeBroker();
  } finally {
    hold.resolve();
  }
};
