import type { PoolConfig } from 'pg';
import type { Logger } from '../core/logging.ts';
import { MessageWriter } from './tasks/messages.ts';
import type { TaskScheduling } from './tasks/scheduling.ts';
import type { VerbLimits } from './sandbox/limits.ts';
import { SandboxPool } from './sandbox/sandbox-pool.ts';
import { LearnedNames } from './world/learned-names.ts';
import { WorldPool } from './world-pool.ts';

export interface RuntimeOptions {
  readonly postgres: PoolConfig;
  readonly schema: string;
  readonly limits: VerbLimits;
  readonly logger: Logger;
  /** How many verb tasks run at once in this process: so many connections and children. */
  readonly size: number;
  readonly folder: string | undefined;
  readonly scheduling: TaskScheduling;
}

/** What verb tasks of one process share: connections, sandbox processes, the writer of messages. */
export class VerbRuntime {
  readonly options: RuntimeOptions;
  readonly pool: WorldPool;
  readonly messages: MessageWriter;
  readonly learned = new LearnedNames();
  readonly #messagePool: WorldPool;
  #sandbox: Promise<SandboxPool> | undefined;

  constructor(options: RuntimeOptions) {
    this.options = options;
    const { postgres, schema, limits, logger, size } = options;
    const common = { schema, logger, taskMs: limits.timeLimitMs };
    this.pool = new WorldPool(postgres, { ...common, size });
    this.#messagePool = new WorldPool(postgres, { ...common, size: 2 });
    this.messages = new MessageWriter(this.#messagePool, limits.messagesPerWindow, logger);
  }

  /** Starts the sandbox with the first task, or ahead of it. @throws SANDBOX_UNAVAILABLE */
  sandbox(): Promise<SandboxPool> {
    this.#sandbox ??= this.#startSandbox();
    return this.#sandbox;
  }

  async #startSandbox(): Promise<SandboxPool> {
    const { limits, logger, size } = this.options;
    const sandbox = new SandboxPool({ limits, logger, size });
    await sandbox.start();
    return sandbox;
  }

  async close(): Promise<void> {
    await (await this.#sandbox?.catch(() => undefined))?.stop();
    await this.messages.flushed();
    await this.#messagePool.close();
    await this.pool.close();
  }
}
