import type { Firing } from './beat/firing.ts';
import type { Targets } from './beat/targets.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import type { ExecutionScheduler } from './executors/execution-scheduler.ts';
import type { TaskRegistry } from './executors/task-registry.ts';
import type { VerbRuntime } from './moo/runtime.ts';
import type { Broker } from './queues/broker.ts';
import type { Relay } from './queues/relay.ts';
import type { Control } from './reeve-control.ts';
import type { ResourceRegistry } from './resources/resource-registry.ts';
import type { ResourceStore } from './resources/resource-store.ts';

/** What is made once the database is reachable. */
export interface Engine {
  readonly id: string;
  readonly pool: LedgerPool;
  readonly heartbeatPool: LedgerPool;
  readonly broker: Broker;
  readonly relay: Relay;
  readonly tasks: TaskRegistry;
  readonly resources: ResourceRegistry;
  readonly writes: ResourceStore;
  readonly scheduler: ExecutionScheduler;
  readonly control: Control;
  readonly targets: Targets;
  readonly firing: Firing;
  readonly verbs: VerbRuntime | undefined;
}
