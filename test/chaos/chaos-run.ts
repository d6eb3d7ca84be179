import pg from 'pg';
import type { BrokerName } from '../support/bundle.ts';
import { seededRandom, type TestRandom } from '../support/random.ts';
import { chaosApp, type ChaosApp } from './chaos-app.ts';
import { ChaosProcess, type Role } from './chaos-processes.ts';
import { ChaosServers } from './chaos-servers.ts';
import { countFigures, type Figures } from './figures.ts';
import { makeFaults, missingFaults } from './faults.ts';
import { untilHealed } from './healing.ts';
import type { Sabotage } from './sabotages.ts';
import { makeCountingWorld } from './verb-load.ts';
import { audit, judge, judgeDueTimes, type ExpectedDue, watchAlways, type Broken, type Verdict } from './verdicts.ts';

export interface RunOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly broker: BrokerName;
  readonly sabotage: Sabotage | undefined;
}

export interface RunReport {
  readonly verdicts: readonly Verdict[];
  readonly faults: Readonly<Record<string, number>>;
  /** Faults that this machine does not permit, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly figures: Figures;
}

interface Place {
  readonly role: Role;
  readonly clockShiftMs?: number;
  readonly hasSandbox?: boolean;
}

const crew: readonly Place[] = [
  { role: 'worker', hasSandbox: true },
  { role: 'worker', clockShiftMs: 90_000 },
  { role: 'worker', hasSandbox: true },
  { role: 'beat' },
  { role: 'beat', clockShiftMs: -90_000 },
  { role: 'producer' },
  { role: 'producer' },
];
/** How long the crew takes to start on two quiet cores. */
const quickStartMs = 4_000;
const scheduleNames = ['every-second-1', 'every-second-2', 'every-second-3', 'every-second-4'];

/** One run on servers of its own: load and faults for so many minutes, then time to heal, then the verdicts. */
export async function runChaos({ seed, minutes, broker, sabotage }: RunOptions): Promise<RunReport> {
  const random = seededRandom(seed);
  await using servers = await ChaosServers.start(broker);
  const app = chaosApp(servers.place);
  const broken: Broken[] = [];
  await prepare(app, sabotage);
  await withOwnApp(servers, ({ reeve }) => makeCountingWorld(reeve));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => close(app));
  const onDeath = (what: string): unknown => broken.push({ what: 'no process ends by itself', rows: [what] });
  // Before there is a beat: what the crew finds due when it is up is caught up.
  const due = await makeSchedules(app, minutes);
  const startedAt = performance.now();
  const processes = await startCrew({ servers, random, sabotage, onDeath }, stack);
  const from = performance.now();
  const slowness = Math.min(8, Math.max(1, (from - startedAt) / quickStartMs));
  // A missing guard shows where much happens at once: on a slow machine that takes longer.
  const wantedMs = minutes * 60_000 * (sabotage === undefined ? 1 : slowness);
  const isTimeOver = (): boolean => performance.now() - from >= wantedMs;

  // A broken rule is not mended by going on: what is left would only show what follows from it.
  const watch = watchAlways(app, broken);
  const isOver = (): boolean => isTimeOver() || broken.length > 0;
  const faults = await makeFaults(
    { servers, processes, app, random },
    { wanted: sabotage?.faults ?? [], slowness, isOver },
  );
  const isBroken = (): boolean => broken.length > 0;
  const healed = await untilHealed(app, { processes, isBroken, slownessBefore: slowness });
  await watch.stop();
  const isAtRest = broken.length === 0;
  const { verdict, ...healing } = healed;
  const verdicts = [verdict, ...(await judge({ ...app, isAtRest, broken }))];
  if (isAtRest) verdicts.push(await judgeDueTimes(app.dataSource, due));
  const sum = (of: (one: ChaosProcess) => number): number => processes.reduce((total, one) => total + of(one), 0);
  const deaths = { deaths: sum(({ starts }) => starts - 1), outOfMemory: sum(({ outOfMemory }) => outOfMemory) };
  const figures = { ...(await countFigures(app)), ...deaths, ...healing };
  return { verdicts, faults, missing: missingFaults(servers), figures };
}

interface CrewOptions {
  readonly servers: ChaosServers;
  readonly random: TestRandom;
  readonly sabotage: Sabotage | undefined;
  readonly onDeath: (what: string) => void;
}

async function startCrew(options: CrewOptions, stack: AsyncDisposableStack): Promise<ChaosProcess[]> {
  const { servers, random, sabotage, onDeath } = options;
  const processes: ChaosProcess[] = [];
  for (const [index, { role, clockShiftMs = 0, hasSandbox = false }] of crew.entries()) {
    const ways = await servers.ways();
    const seed = random.int(0, 2 ** 30);
    processes.push(
      stack.use(new ChaosProcess({ role, index, seed, ways, clockShiftMs, hasSandbox, sabotage, onDeath })),
    );
  }
  for (const one of processes) one.start();
  await Promise.all(processes.map((one) => one.ready));
  return processes;
}

async function prepare(app: ChaosApp, sabotage: Sabotage | undefined): Promise<void> {
  const { dataSource, reeve, outside } = app;
  await dataSource.initialize();
  await dataSource.synchronize();
  await reeve.migrate();
  await outside.create();
  for (const sql of [...audit, ...(sabotage?.sql ?? [])]) await dataSource.query(sql);
}

/** What needs a worker is done in an app that ends with it: loops that heal, in a process that nobody kills, would hide faults. */
async function withOwnApp(servers: ChaosServers, work: (app: ChaosApp) => Promise<void>): Promise<void> {
  const app = chaosApp(servers.place);
  try {
    await app.dataSource.initialize();
    await work(app);
  } finally {
    await close(app);
  }
}

/** Every schedule with the due times that are expected of it, counted here. */
async function makeSchedules({ reeve, dataSource, tick }: ChaosApp, minutes: number): Promise<ExpectedDue[]> {
  const starts = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
  const ends = new Date(starts.getTime() + Math.ceil(minutes * 60 + 10) * 1_000);
  for (const name of scheduleNames) {
    const policies = { overlap: 'allow', catchUp: { window: '12h', limit: 1_000 } } as const;
    await reeve.schedules.create({ name, target: tick, every: '1s', starts, ends, ...policies });
  }
  // Where making them took its time, the first due time is a later one.
  const rows = await dataSource.query<{ name: string; next_due_at: Date }[]>(
    `SELECT name, next_due_at FROM reeve.schedule`,
  );
  return rows.map(({ name, next_due_at: first }) => ({ name, starts: first, ends }));
}

async function close({ reeve, dataSource, outside }: ChaosApp): Promise<void> {
  await reeve.close();
  await dataSource.destroy();
  await outside.close();
}

// A restart of PostgreSQL ends connections that nobody is using just then.
pg.defaults.keepAlive = true;
