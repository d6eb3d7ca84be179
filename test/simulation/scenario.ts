import type { ResolvedOptions } from '../../src/reeve-options.ts';
import { seededRandom, type TestRandom } from '../support/random.ts';
import type { Broken } from '../chaos/verdicts.ts';
import type { Actor } from './actor.ts';
import { operate, pause, request, resumeAll, someKinds, type ClientOptions, type Kind } from './clients.ts';
import type { ClusterApp } from './cluster-app.ts';
import { MemoryBroker } from './memory-broker.ts';
import { OutsideWorld } from './outside-world.ts';
import { calm, someProfile, type FaultName, type Profile } from './profile.ts';
import type { SimulatedDatabase } from './simulated-database.ts';
import { gateDataSource } from './simulated-data-source.ts';
import { SimulatedProcess, type Role } from './simulated-process.ts';
import { Trace } from './trace.ts';
import { Turns, type BoundaryKind, type Fate } from './turns.ts';
import { judge, look } from './verdicts.ts';
import { VirtualTime } from './virtual-time.ts';

/** At which boundary a process dies, and nothing else goes wrong. */
export interface OrderedCrash {
  readonly boundary: number;
  readonly when: 'before' | 'after';
}

export interface ScenarioOptions {
  readonly seed: number;
  /** `each` is not for one scenario: nothing goes wrong then, so that the boundaries can be counted. */
  readonly crashAt: OrderedCrash | 'never' | undefined;
  /** Faults that come in any case, and often. */
  readonly favoured: readonly FaultName[];
  /** How much of the trace is kept. */
  readonly traceLines: number;
}

export interface ScenarioReport {
  readonly broken: readonly Broken[];
  readonly boundaries: number;
  /** The same for two runs of the same seed. */
  readonly digest: string;
  readonly trace: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly executions: number;
  readonly effects: number;
}

export interface Stage {
  readonly database: SimulatedDatabase;
  readonly app: ClusterApp;
  readonly options: ResolvedOptions;
  /** Told which world the tasks of the scenario act on. */
  readonly enter: (world: OutsideWorld) => void;
}

interface Place {
  readonly role: Role;
  readonly index: number;
  /** How many processes there were in it. */
  starts: number;
  process: SimulatedProcess | undefined;
  /** When the next process of it starts. */
  backAt: number;
}

const crew: readonly Role[] = ['worker', 'worker', 'worker', 'beat', 'client', 'client'];
const lookEvery = 40;
/** After the last fault everything must have its end within so much virtual time. */
const healingMs = 120_000;
const mostBoundaries = 12_000;

/** One run of a cluster from a seed: load and faults, then only healing, then the verdicts. */
export class Scenario {
  readonly #stage: Stage;
  readonly #options: ScenarioOptions;
  readonly #random: TestRandom;
  readonly #time: VirtualTime;
  readonly #trace: Trace;
  readonly #turns: Turns;
  readonly #broker: MemoryBroker;
  readonly #world: OutsideWorld;
  readonly #profile: Profile;
  readonly #kinds: readonly Kind[];
  readonly #places: Place[] = crew.map((role, index) => ({ role, index, starts: 0, process: undefined, backAt: 0 }));
  readonly #started: string[] = [];
  readonly #faults = new Map<string, number>();
  #requestsLeft: number;
  /** Faults come at least so long. */
  readonly #faultyMs: number;
  #asked = 0;
  #isFaulty = true;
  #isResumed = false;

  constructor(stage: Stage, options: ScenarioOptions) {
    this.#stage = stage;
    this.#options = options;
    this.#trace = new Trace(options.traceLines);
    this.#random = seededRandom(options.seed);
    this.#time = new VirtualTime(this.#random);
    this.#turns = new Turns(this.#time, this.#random, this.#trace);
    this.#broker = new MemoryBroker(this.#time, this.#random, stage.options.timing.leaseMs);
    this.#world = new OutsideWorld(() => this.#time.now);
    this.#profile = options.crashAt === undefined ? someProfile(this.#random, options.favoured) : calm;
    this.#broker.faults = this.#profile;
    this.#kinds = someKinds(this.#random);
    this.#faultyMs = options.crashAt === undefined ? this.#random.int(2_000, 12_000) : 0;
    this.#requestsLeft = options.crashAt === undefined ? this.#random.int(4, 14) : 4;
  }

  async run(): Promise<ScenarioReport> {
    const { database, app, enter } = this.#stage;
    await database.begin();
    enter(this.#world);
    app.beginScenario();
    using _time = this.#time.install();
    using _gate = gateDataSource(database.dataSource, this.#turns);
    const broken = await this.#play();
    for (const { process } of this.#places) process?.die();
    const isAtRest = broken.length === 0;
    const verdicts = [...broken, ...(await judge(database.pool, this.#world, isAtRest))];
    const { rows } = await database.pool.query<{ n: number }>('SELECT count(*)::integer AS n FROM reeve.execution');
    return {
      broken: verdicts,
      boundaries: this.#turns.count,
      digest: this.#trace.digest(),
      trace: this.#trace.last,
      faults: Object.fromEntries(this.#faults),
      executions: rows[0]?.n ?? 0,
      effects: [...this.#world.effects.values()].flat().length,
    };
  }

  /** Until everything has ended, or something is broken. */
  async #play(): Promise<Broken[]> {
    const { database } = this.#stage;
    const checks = this.#checks();
    let endBy = Number.POSITIVE_INFINITY;
    let lookedAt = 0;
    for (;;) {
      this.#fillPlaces();
      await this.#time.settle();
      for (const { process } of this.#places) if (process?.accident !== undefined) throw process.accident;
      if (this.#isFaulty && this.#isLoadOver()) {
        this.#stopFaults();
        endBy = this.#time.now + healingMs;
      }
      const isOverdue = this.#time.now > endBy || this.#turns.count > mostBoundaries;
      if (this.#turns.count >= lookedAt + lookEvery || isOverdue) {
        lookedAt = this.#turns.count;
        const broken = await look(database.pool, checks);
        if (broken.length > 0 || isOverdue || (await this.#isAtRest())) return broken;
      }
      await this.#next();
    }
  }

  async #next(): Promise<void> {
    const { hurry } = this.#profile;
    if (this.#isFaulty) this.#someFault();
    const ready = this.#turns.ready();
    const deliveries = this.#broker.deliveries((data) => this.#nameOf(data));
    const isIdle = ready.length + deliveries.length === 0;
    if (isIdle || this.#random.next() < hurry) {
      if (this.#passTime() || isIdle) return;
    }
    this.#time.now += this.#random.int(0, 2);
    const index = this.#random.int(0, ready.length + deliveries.length - 1);
    const one = ready[index];
    const ordered = this.#orderedCrash();
    if (one === undefined) {
      const delivery = deliveries[index - ready.length];
      if (delivery === undefined) throw new Error('there is nothing to deliver');
      this.#turns.happen(delivery);
      if (ordered !== undefined) delivery.actor.isAlive = false;
      return;
    }
    if (ordered === undefined && this.#isFaulty && one.notBefore === 0 && this.#isLate(one)) {
      this.#count('message late');
      one.notBefore =
        this.#time.now + this.#random.int(50, this.#random.pick([1, 1, 3]) * this.#stage.options.timing.leaseMs);
      return;
    }
    await this.#stage.database.setClock(this.#time.now);
    await this.#turns.grant(one, ordered ?? this.#someFate());
  }

  /** Goes on to the next time at which something happens, and lets it. */
  #passTime(): boolean {
    const later = [
      this.#turns.nextAt(),
      this.#broker.nextAt(),
      ...this.#places.map(({ process, backAt }) => (process?.actor.isAlive === true ? undefined : backAt)),
    ];
    const timerAt = this.#time.nextAt();
    const next = Math.min(
      ...[...later, timerAt].filter((at) => at !== undefined && at > this.#time.now).map(Number),
      Math.max(timerAt ?? Infinity, this.#time.now),
    );
    if (!Number.isFinite(next)) return false;
    this.#time.now = next;
    if (timerAt !== undefined && timerAt <= next) this.#time.fire();
    return true;
  }

  /** Transactions more often than statements: they act on what was read before, and what was read gets old. */
  #isLate({ actor, kind }: { readonly actor: Actor; readonly kind: BoundaryKind }): boolean {
    const isSluggish = actor === this.#places[0]?.process?.actor && this.#profile.sluggish;
    const late = isSluggish ? 1 / 3 : this.#profile.late * (kind === 'transaction' ? 8 : 1);
    return this.#random.next() < late;
  }

  #orderedCrash(): Fate | undefined {
    const { crashAt } = this.#options;
    if (typeof crashAt !== 'object' || this.#turns.count + 1 !== crashAt.boundary) return undefined;
    this.#count(`crash ${crashAt.when}`);
    return crashAt.when === 'before' ? 'crash before' : 'crash after';
  }

  #someFate(): Fate {
    if (!this.#isFaulty) return 'done';
    const luck = this.#random.next();
    const { refused, answerLost } = this.#profile;
    const fate = luck < refused ? 'refused' : luck < refused + answerLost ? 'answer lost' : 'done';
    if (fate !== 'done') this.#count(fate);
    return fate;
  }

  #someFault(): void {
    const { crash, freeze, stop, wipe } = this.#profile;
    const luck = this.#random.next();
    const { leaseMs } = this.#stage.options.timing;
    const isForWorkers = luck >= crash && luck < crash + freeze;
    const place = this.#random.pick(isForWorkers ? this.#places.filter(({ role }) => role === 'worker') : this.#places);
    const { actor } = place.process ?? {};
    if (actor?.isAlive !== true) return;
    if (luck < crash) {
      this.#note('crash', actor);
      place.process?.die();
    } else if (luck < crash + freeze) {
      this.#note('freeze', actor);
      // Until its leases are just over, or until others have its steps.
      const [from, to] = this.#random.next() < 0.5 ? [0.5, 1.2] : [1.2, 2.5];
      actor.frozenUntil = this.#time.now + this.#random.int(leaseMs * from, leaseMs * to);
    } else if (luck < crash + freeze + stop && place.role !== 'client') {
      this.#note('stop', actor);
      place.process?.stop();
    } else if (luck < crash + freeze + stop + wipe) {
      this.#note('broker wiped', actor);
      this.#broker.wipe();
    }
  }

  /** Whoever died is followed by another one, a little later. */
  #fillPlaces(): void {
    for (const place of this.#places) {
      if (place.process !== undefined && !place.process.actor.isAlive) {
        place.process.die();
        this.#time.forget(place.process.actor);
        place.process = undefined;
        place.backAt = this.#time.now + this.#random.int(50, 1_500);
      }
      const isWanted = this.#isFaulty || place.role !== 'beat';
      if (place.process === undefined && place.backAt <= this.#time.now && isWanted) this.#startIn(place);
    }
  }

  #startIn(place: Place): void {
    const { database, options } = this.#stage;
    place.starts += 1;
    const name = `${place.role} ${place.index + 1}${place.starts > 1 ? `, start ${place.starts}` : ''}`;
    const process = new SimulatedProcess(place.role, name, {
      database,
      options,
      turns: this.#turns,
      broker: this.#broker,
    });
    place.process = process;
    process.start();
    if (place.role === 'client') process.act(() => this.#useAsClient(process));
  }

  async #useAsClient({ engine }: SimulatedProcess): Promise<void> {
    const { app, database } = this.#stage;
    const options: ClientOptions = {
      app,
      engine,
      database,
      random: this.#random,
      world: this.#world,
      started: this.#started,
      kinds: this.#kinds,
    };
    while (this.#requestsLeft > 0) {
      this.#requestsLeft -= 1;
      this.#asked += 1;
      await request(options, `request ${this.#asked}`);
      await pause(this.#random.int(5, 800));
      if (this.#random.next() < 0.3) await operate(options);
    }
    while (!this.#isResumed) {
      await pause(200);
      if (this.#isFaulty) continue;
      await resumeAll(options);
      this.#isResumed = true;
    }
  }

  /** Everything was asked for, and had some time to go wrong. */
  #isLoadOver(): boolean {
    return this.#requestsLeft === 0 && this.#time.now >= this.#faultyMs;
  }

  #stopFaults(): void {
    this.#isFaulty = false;
    this.#broker.faults = { drop: 0, duplicate: 0, delay: 0 };
    for (const { role, process } of this.#places) {
      if (process === undefined) continue;
      process.actor.frozenUntil = 0;
      if (role === 'beat') process.stop();
    }
  }

  async #isAtRest(): Promise<boolean> {
    if (this.#isFaulty || !this.#isResumed) return false;
    if (this.#places.some(({ role, process }) => role === 'beat' && process?.actor.isAlive === true)) return false;
    const { rows } = await this.#stage.database.pool.query<{ live: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM reeve.execution WHERE active) OR EXISTS (SELECT 1 FROM reeve.remembered_run) AS live`,
    );
    return rows[0]?.live === false;
  }

  #checks(): Parameters<typeof look>[1] {
    const { process } = this.#places[0] ?? {};
    if (process === undefined) {
      this.#fillPlaces();
      return this.#checks();
    }
    return process.engine.resources.checks();
  }

  #nameOf(data: unknown): string {
    const {
      execution = '',
      position = 0,
      delivery = 0,
    } = data as { execution?: string; position?: number; delivery?: number };
    return `${this.#trace.name('execution', execution)} step ${position} delivery ${delivery}`;
  }

  #note(fault: string, actor: Actor): void {
    this.#count(fault);
    this.#trace.add(`      ${(this.#time.now / 1_000).toFixed(3)}s ${fault.toUpperCase()}: ${actor.name}`);
  }

  #count(fault: string): void {
    this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + 1);
  }
}
