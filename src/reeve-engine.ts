import type { Firing } from './beat/firing.ts';
import { Targets } from './beat/targets.ts';
import type { Logger } from './core/logging.ts';
import { heartbeatConfigOf, LedgerPool, poolConfigOf, surviveConnectionsLostBy } from './executions/ledger-pool.ts';
import { OutcomeLooks } from './executions/outcome-looks.ts';
import { SharedLook } from './executions/shared-look.ts';
import { admitWaiting } from './executions/permits.ts';
import type { ExecutionScheduler } from './executors/execution-scheduler.ts';
import { TaskRegistry } from './executors/task-registry.ts';
import { Broker } from './queues/broker.ts';
import { Relay } from './queues/relay.ts';
import { ResourceRegistry } from './resources/resource-registry.ts';
import { ResourceStore } from './resources/resource-store.ts';
import { dataSourceFiring } from './reeve-beat.ts';
import type { CommitNudge } from './reeve-commit-nudge.ts';
import { Control } from './reeve-control.ts';
import { checkSearchPath, prepareLedger } from './reeve-ledger.ts';
import type { ResolvedOptions } from './reeve-options.ts';
import { Recovery } from './reeve-recovery.ts';
import { Starts } from './reeve-starts.ts';
import { makeVerbs } from './reeve-verbs.ts';
import type { VerbRuntime } from './moo/runtime.ts';
import type { StepHandler } from './tasks/step-handler.ts';

/** What is made once the database is reachable. */
export interface Engine {
  readonly id: string;
  readonly pool: LedgerPool;
  readonly heartbeatPool: LedgerPool;
  readonly looks: OutcomeLooks;
  readonly look: SharedLook;
  readonly broker: Broker;
  readonly relay: Relay;
  readonly tasks: TaskRegistry;
  readonly resources: ResourceRegistry;
  readonly writes: ResourceStore;
  readonly scheduler: ExecutionScheduler;
  readonly starts: Starts;
  readonly control: Control;
  readonly targets: Targets;
  readonly firing: Firing;
  readonly recovery: Recovery;
  readonly verbs: VerbRuntime | undefined;
}

/** What the parts of an engine tell the process that they are in. */
export interface EngineHooks {
  readonly nudges: CommitNudge;
  readonly onCanceled: (executionId: string) => void;
  readonly onEnded: (executionId: string) => void;
  /** Something may be due sooner than was thought. */
  readonly onDue: () => void;
}

/** The ways of an engine to PostgreSQL and to its broker, and what is known before they are used. */
export interface EngineDoors extends Pick<Engine, 'id' | 'pool' | 'heartbeatPool' | 'broker' | 'resources' | 'tasks'> {
  /** Where the parts that run steps of their own put their handlers, for `tasks`. */
  readonly handlers: Map<string, StepHandler>;
}

/** Connects to the database and puts the parts together; nothing runs yet. */
export async function makeEngine(options: ResolvedOptions, logger: Logger, hooks: EngineHooks): Promise<Engine> {
  const { dataSource, schema, poolSize, queues, redis, brokerSchema, timing } = options;
  if (!dataSource.isInitialized) await dataSource.initialize();
  surviveConnectionsLostBy(dataSource);
  const resources = new ResourceRegistry(dataSource, options.resources);
  const handlers = new Map<string, StepHandler>();
  const tasks = new TaskRegistry(options.tasks, handlers);
  const postgres = poolConfigOf(dataSource);
  const pool = new LedgerPool({ ...postgres, max: poolSize }, schema, logger);
  const id = await prepareLedger(pool, Object.keys(queues));
  await checkSearchPath(dataSource, pool);
  const heartbeatPool = new LedgerPool(heartbeatConfigOf(postgres, timing.leaseMs), schema, logger);
  const broker = new Broker({ redisUrl: redis, postgres, brokerSchema, engineId: id, leaseMs: timing.leaseMs, logger });
  const doors = { id, pool, heartbeatPool, broker, resources, tasks, handlers };
  return assembleEngine(doors, options, logger, hooks);
}

/** Puts the parts together behind doors that are open already. */
export function assembleEngine(
  doors: EngineDoors,
  options: ResolvedOptions,
  logger: Logger,
  hooks: EngineHooks,
): Engine {
  const { handlers, id, ...open } = doors;
  const { pool, broker, resources, tasks } = open;
  const writes = new ResourceStore(resources);
  let after = '';
  const admit = async (): Promise<void> => {
    const { next, more } = await admitWaiting(pool, writes, after);
    after = next;
    if (more) relay.nudge();
  };
  const look = new SharedLook(pool);
  const relay = new Relay({
    connection: pool,
    look,
    broker,
    engineId: id,
    logger,
    admit,
    nudged: options.publish,
    intervalMs: options.timing.relayMs,
  });
  const { nudges } = hooks;
  const nudge = (): void => relay.nudge();
  const starts = new Starts({
    pool,
    resources,
    writes,
    tasks,
    options,
    nudges,
    nudge,
    publish: (steps) => relay.publish(steps),
  });
  const { scheduler } = starts;
  const published = (): void => {
    relay.nudge();
    hooks.onDue();
  };
  const control = new Control({
    pool,
    writes,
    onCanceled: hooks.onCanceled,
    onEnded: hooks.onEnded,
    nudge: published,
  });
  const targets = new Targets(options.tasks, options.executors, options.schedules);
  const firing = dataSourceFiring({ scheduler, targets, writes, control }, nudges, options);
  const looks = new OutcomeLooks(pool);
  const parts = { ...open, look, looks, relay, writes, scheduler, starts };
  const recovery = new Recovery({ ...parts, control, logger, options });
  const verbs = makeVerbs({ pool, scheduler, targets, firing, options, logger, nudge: published }, handlers);
  return { id, ...parts, control, targets, firing, recovery, verbs };
}
