import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { BrokerName } from '../support/bundle.ts';
import { seededRandom } from '../support/random.ts';
import { chaosApp, type ChaosApp } from './chaos-app.ts';
import { ChaosProcess, type Role } from './chaos-processes.ts';
import { ChaosServers } from './chaos-servers.ts';
import { makeFaults } from './faults.ts';
import type { Sabotage } from './sabotages.ts';
import { audit, judge, judgeDueTimes, type Broken } from './verdicts.ts';

export interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly broker: BrokerName;
  readonly sabotage: Sabotage | undefined;
}

export interface RunReport {
  readonly broken: readonly Broken[];
  readonly figures: Readonly<Record<string, unknown>>;
}

const crew: readonly Role[] = ['worker', 'worker', 'worker', 'beat', 'beat', 'producer', 'producer'];
const scheduleNames = ['every-second-1', 'every-second-2', 'every-second-3', 'every-second-4'];
const healingMs = 60_000;

/** One run on servers of its own: load and faults for so many minutes, then time to heal, then the verdicts. */
export async function runChaos({ seed, minutes, broker, sabotage }: RunOptions): Promise<RunReport> {
  const random = seededRandom(seed);
  await using servers = await ChaosServers.start(broker);
  const app = chaosApp(servers.place);
  const broken: Broken[] = [];
  await prepare(app, sabotage);
  const settings = {
    place: servers.place,
    sabotage,
    onDeath: (what: string) => broken.push({ what: 'a process ended by itself', rows: [what] }),
  };
  await using crewStack = new AsyncDisposableStack();
  crewStack.defer(() => close(app));
  const processes = crew.map((role, index) =>
    crewStack.use(new ChaosProcess(role, index, random.int(0, 2 ** 30), settings)),
  );
  for (const one of processes) one.start();
  await Promise.all(processes.map((one) => one.ready));
  const endsAt = Date.now() + minutes * 60_000;
  const due = await makeSchedules(app, minutes);

  // A broken rule is not mended by going on: what is left would only show what follows from it.
  const watch = watchInvariants(app, broken);
  const isOver = (): boolean => Date.now() >= endsAt || broken.length > 0;
  const faults = await makeFaults({ servers, processes, app, random }, isOver);
  const healingFrom = Date.now();
  await Promise.all(processes.filter(({ role }) => role === 'producer').map((one) => one.stopProducing()));
  while (broken.length === 0 && Date.now() - healingFrom < healingMs && (await isUnderWay(app))) await pause(250);
  const healedMs = Date.now() - healingFrom;
  await watch.stop();
  const isAtRest = broken.length === 0;
  broken.push(...(await judge(app.dataSource, app.outside, isAtRest)));
  if (isAtRest) broken.push(...(await judgeDueTimes(app.dataSource, due)));
  const deaths = processes.reduce((sum, one) => sum + one.starts - 1, 0);
  return { broken, figures: { ...(await count(app)), deaths, faults, healedMs } };
}

async function prepare(app: ChaosApp, sabotage: Sabotage | undefined): Promise<void> {
  const { dataSource, reeve, outside } = app;
  await dataSource.initialize();
  await dataSource.synchronize();
  await reeve.migrate();
  await outside.create();
  for (const sql of [...audit, ...(sabotage?.sql ?? [])]) await dataSource.query(sql);
}

async function makeSchedules({ reeve, tick }: ChaosApp, minutes: number) {
  const starts = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
  const ends = new Date(starts.getTime() + Math.max(5, Math.floor(minutes * 60) - 6) * 1_000);
  for (const name of scheduleNames) {
    const policies = { overlap: 'allow', catchUp: { window: '12h', limit: 1_000 } } as const;
    await reeve.schedules.create({ name, target: tick, every: '1s', starts, ends, ...policies });
  }
  return { names: scheduleNames, starts, ends };
}

/** Looks at the rules of the ledger again and again while everything happens; what cannot be asked now is asked later. */
function watchInvariants({ reeve }: ChaosApp, broken: Broken[]): { stop: () => Promise<void> } {
  let isStopped = false;
  const look = async (): Promise<void> => {
    const violations = await reeve.checkInvariants().catch(() => []);
    for (const [what, rows] of Map.groupBy(violations, (violation) => `${violation.invariant}: ${violation.what}`)) {
      broken.push({ what, rows: rows.slice(0, 5).map(({ row }) => row) });
    }
  };
  const watching = (async () => {
    while (!isStopped && broken.length === 0) {
      await look();
      await pause(500);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await watching;
      if (broken.length === 0) await look();
    },
  };
}

async function isUnderWay({ dataSource }: ChaosApp): Promise<boolean> {
  const rows = await dataSource
    .query<unknown[]>(
      `SELECT 1 FROM reeve.execution WHERE active
       UNION ALL SELECT 1 FROM reeve.schedule WHERE next_due_at IS NOT NULL LIMIT 1`,
    )
    .catch(() => [1]);
  return rows.length > 0;
}

async function count({ dataSource, outside }: ChaosApp): Promise<Record<string, unknown>> {
  const [ledger] = await dataSource.query<Record<string, number>[]>(
    `SELECT (SELECT count(*)::integer FROM reeve.execution) AS executions,
       (SELECT count(*)::integer FROM reeve.step WHERE state = 'succeeded') AS steps,
       (SELECT count(*)::integer FROM reeve.attempt WHERE outcome = 'crashed') AS reaped,
       (SELECT count(*)::integer FROM reeve.schedule_fire) AS fires,
       (SELECT sum(epoch - 1)::integer FROM reeve.queue) AS epochs`,
  );
  const [world] = await outside.query<Record<string, number>>(
    `SELECT (SELECT count(*)::integer FROM effect) AS effects,
       (SELECT count(*)::integer FROM (SELECT 1 FROM effect GROUP BY key HAVING count(*) > 1) AS k) AS "repeatedEffects",
       (SELECT count(*)::integer FROM mark WHERE what = 'refused') AS "refusedEffects",
       (SELECT count(*)::integer FROM mark WHERE what = 'block') AS "hungWorkers",
       (SELECT count(*)::integer FROM request) AS requests,
       (SELECT count(*)::integer FROM request WHERE answer = 'rolled back') AS "rolledBack"`,
  );
  return { ...ledger, ...world };
}

async function close({ reeve, dataSource, outside }: ChaosApp): Promise<void> {
  await reeve.close();
  await dataSource.destroy();
  await outside.close();
}

// A restart of PostgreSQL ends connections that nobody is using just then.
pg.defaults.keepAlive = true;
