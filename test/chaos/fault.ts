import type { TestRandom } from '../support/random.ts';
import type { ChaosApp } from './chaos-app.ts';
import type { ChaosProcess } from './chaos-processes.ts';
import type { ChaosServers } from './chaos-servers.ts';

/** What a fault may meet. */
export interface FaultPlace {
  readonly servers: ChaosServers;
  readonly processes: readonly ChaosProcess[];
  readonly app: ChaosApp;
  readonly random: TestRandom;
}

/** Does one fault, or begins it: what takes a while goes on beside the next ones. */
export type Fault = (place: FaultPlace) => Promise<void>;
