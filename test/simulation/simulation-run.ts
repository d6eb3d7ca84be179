import type { DataSource } from 'typeorm';
import { parseOptions, type ResolvedOptions } from '../../src/reeve-options.ts';
import { seededRandom } from '../support/random.ts';
import type { Sabotage } from '../chaos/sabotages.ts';
import { clusterApp, simulatedDataSource, type ClusterApp } from './cluster-app.ts';
import { OutsideWorld } from './outside-world.ts';
import { Scenario, type OrderedCrash, type ScenarioOptions, type ScenarioReport } from './scenario.ts';
import { SimulatedDatabase } from './simulated-database.ts';
import type { SimulationOptions } from './simulation-options.ts';

export interface Simulation extends AsyncDisposable {
  readonly run: (options: ScenarioOptions) => Promise<ScenarioReport>;
}

/** Everything that the scenarios of a run share: one database, and what the simulated processes know. */
export async function openSimulation(url: string, sabotage: Sabotage | undefined): Promise<Simulation> {
  let world = new OutsideWorld(() => 0);
  const app = clusterApp(() => world);
  const { queues } = simulatedOptions(app, simulatedDataSource(url));
  const database = await SimulatedDatabase.open(url, Object.keys(queues), sabotage?.sql ?? []);
  const options = simulatedOptions(app, database.dataSource);
  const stage = { database, app, options, enter: (entered: OutsideWorld): unknown => (world = entered) };
  return {
    run: (scenario) => new Scenario(stage, scenario).run(),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

function simulatedOptions(app: ClusterApp, dataSource: DataSource): ResolvedOptions {
  return parseOptions({
    dataSource,
    executors: Object.values(app.executors) as never,
    tasks: Object.values(app.tasks) as never,
    schedules: app.schedules,
    // Deaths are many here, and none of them is the fault of the step.
    timing: {
      lease: '2s',
      heartbeat: '900ms',
      reaper: '600ms',
      relay: '1s',
      due: '1s',
      reconciler: '1200ms',
      grace: '1500ms',
      cancelGrace: '3s',
      maxCrashes: 50,
    },
    drain: '2s',
    stopGrace: '1s',
    logLevel: 'silent',
  });
}

/** What was run so far. */
class Figures {
  scenarios = 0;
  boundaries = 0;
  executions = 0;
  effects = 0;
  readonly faults = new Map<string, number>();
  readonly #from = performance.now();

  add({ boundaries, executions, effects, faults }: ScenarioReport): void {
    this.scenarios += 1;
    this.boundaries += boundaries;
    this.executions += executions;
    this.effects += effects;
    for (const [name, count] of Object.entries(faults)) this.faults.set(name, (this.faults.get(name) ?? 0) + count);
  }

  get minutes(): number {
    return (performance.now() - this.#from) / 60_000;
  }

  lines(): string[] {
    const perMinute = (count: number): number => Math.round(count / this.minutes);
    return [
      `scenarios ${this.scenarios} (${perMinute(this.scenarios)} a minute), boundaries ${this.boundaries} (${perMinute(this.boundaries)} a minute), executions ${this.executions}, effects ${this.effects}`,
      `faults: ${[...this.faults].map(([name, count]) => `${name} ${count}`).join(', ') || 'none'}`,
    ];
  }
}

/** Runs what was asked for, and says how it went; answers the exit code. */
export async function simulate(
  simulation: Simulation,
  options: SimulationOptions,
  say: (line: string) => void,
): Promise<number> {
  const figures = new Figures();
  const { minutes, sabotage } = options;
  for await (const scenario of scenarios(
    simulation,
    options,
    () => minutes !== undefined && figures.minutes >= minutes,
  )) {
    const report = await simulation.run(scenario);
    figures.add(report);
    if (report.broken.length > 0) {
      for (const line of failureLines(scenario, report, sabotage)) say(line);
      for (const line of figures.lines()) say(line);
      return 1;
    }
    if (minutes === undefined && options.crashAt !== 'each') say(`seed ${scenario.seed}: digest ${report.digest}`);
  }
  for (const line of figures.lines()) say(line);
  say('simulation: nothing broke');
  return 0;
}

async function* scenarios(
  simulation: Simulation,
  { seed: first, minutes, crashAt, traceLines, sabotage }: SimulationOptions,
  isOver: () => boolean,
): AsyncGenerator<ScenarioOptions> {
  const more = { traceLines, favoured: sabotage?.favoured ?? [] };
  for (let seed = first; ; seed += 1) {
    if (crashAt === 'each') {
      const { boundaries } = await simulation.run({ seed, crashAt: 'never', ...more });
      const all = Array.from({ length: boundaries }, (_, index) => index + 1);
      // Where the time is short, those that are left out lie everywhere.
      for (const boundary of seededRandom(seed).shuffle(all)) {
        for (const when of ['before', 'after'] as const) {
          if (isOver()) return;
          yield { seed, crashAt: { boundary, when }, ...more };
        }
      }
    } else {
      yield { seed, crashAt, ...more };
    }
    if (minutes === undefined || isOver()) return;
  }
}

function failureLines(
  { seed, crashAt }: ScenarioOptions,
  { broken, trace }: ScenarioReport,
  sabotage: Sabotage | undefined,
): string[] {
  const crash = typeof crashAt === 'object' ? ` --crash-at ${crashText(crashAt)}` : '';
  const sabotaged = sabotage === undefined ? '' : ` --sabotage ${sabotage.name}`;
  return [
    `BROKEN with seed ${seed}; the last ${trace.length} boundaries:`,
    ...trace,
    ...broken.flatMap(({ what, rows }) => [`BROKEN: ${what}`, ...rows.map((row) => `    ${JSON.stringify(row)}`)]),
    `replay: npm run simulate -- --seed ${seed}${crash}${sabotaged}`,
  ];
}

function crashText({ boundary, when }: OrderedCrash): string {
  return `${boundary}${when === 'after' ? '+' : ''}`;
}
