import { createLogger } from '../../src/core/logging.ts';
import { assembleEngine, type Engine } from '../../src/reeve-engine.ts';
import { BeatRunner } from '../../src/reeve-beat.ts';
import { CommitNudge } from '../../src/reeve-commit-nudge.ts';
import type { ResolvedOptions } from '../../src/reeve-options.ts';
import { cancelChild } from '../../src/reeve-runner.ts';
import { WorkerService } from '../../src/reeve-worker.ts';
import { ResourceRegistry } from '../../src/resources/resource-registry.ts';
import { TaskRegistry } from '../../src/executors/task-registry.ts';
import { Actor, runAs } from './actor.ts';
import { SimulatedBroker, type MemoryBroker } from './memory-broker.ts';
import { SimulatedPool } from './simulated-pool.ts';
import type { SimulatedDatabase } from './simulated-database.ts';
import type { Turns } from './turns.ts';

export type Role = 'worker' | 'beat' | 'client';

export interface Surroundings {
  readonly database: SimulatedDatabase;
  readonly options: ResolvedOptions;
  readonly turns: Turns;
  readonly broker: MemoryBroker;
}

/** The engine of one process, with its doors led to the simulation; the same parts in the same places as in `Reeve`. */
export class SimulatedProcess {
  readonly actor: Actor;
  readonly role: Role;
  readonly engine: Engine;
  accident: Error | undefined;
  readonly #nudges = new CommitNudge(() => this.engine.relay.nudge());
  readonly #workers: WorkerService;
  readonly #beats = new BeatRunner();
  readonly #options: ResolvedOptions;

  constructor(role: Role, name: string, { database, options, turns, broker }: Surroundings) {
    this.role = role;
    this.actor = new Actor(name);
    this.#options = options;
    const logger = createLogger('silent');
    const handlers = new Map<string, never>();
    const doors = {
      id: database.engineId,
      pool: new SimulatedPool(database.pool, turns),
      heartbeatPool: new SimulatedPool(database.pool, turns),
      broker: new SimulatedBroker(broker, turns),
      resources: new ResourceRegistry(database.dataSource, options.resources),
      tasks: new TaskRegistry(options.tasks, handlers),
      handlers,
    };
    this.engine = assembleEngine(doors, options, logger, {
      nudges: this.#nudges,
      onCanceled: (id) => this.#workers.cancel(id),
      onEnded: () => this.engine.recovery.wake(),
      onDue: () => this.#workers.wake(),
    });
    this.#workers = new WorkerService({
      ...this.engine,
      engineId: database.engineId,
      options,
      logger,
      onEnded: () => this.engine.recovery.wake(),
      cancel: (id) => cancelChild(this.engine, id),
    });
  }

  /** Begins what its role does; what fails at the start is tried again, as a supervisor would. */
  start(): void {
    this.act(() => this.#start());
  }

  /** As a process is told by a signal to end: it finishes what it does, and is gone. */
  stop(): void {
    this.act(async () => {
      await this.#beats.stop();
      await this.#workers.stop();
      await this.engine.recovery.stop();
      await this.engine.relay.stop();
      this.die();
    });
  }

  die(): void {
    this.actor.isAlive = false;
    this.#nudges.stop();
  }

  /** Does something in it; what that throws is an accident of the simulation. */
  act(work: () => Promise<void>): void {
    runAs(this.actor, work).catch((error: unknown) => {
      this.accident ??= Error.isError(error) ? error : new Error(String(error));
    });
  }

  async #start(): Promise<void> {
    for (;;) {
      try {
        if (this.role === 'worker') {
          this.engine.recovery.start();
          await this.#workers.start({ queues: { tasks: 3, background: 2 } });
        }
        if (this.role === 'beat') {
          this.engine.relay.start();
          this.engine.recovery.start();
          await this.#beats.start({ ...this.engine, logger: createLogger('silent') });
        }
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, this.#options.timing.relayMs));
      }
    }
  }
}
