import type { JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logging.ts';
import { Loop } from '../core/loop.ts';
import type { Connection } from '../executions/connection.ts';
import { checkStuck, type ResourceCheck } from '../executions/invariants.ts';
import { noteStuck } from '../executions/sql/note-stuck.ts';

export interface StuckCheckOptions {
  readonly connection: Connection;
  readonly resources: readonly ResourceCheck[];
  readonly logger: Logger;
  readonly intervalMs: number;
}

/**
 * Looks for resources and executions that nothing will move any more, by the invariants I1 and I2. There should be none;
 * what there is was edited by hand or is a fault of Reeve. It is told once a day, in the log and as an event
 * `recovery.stuck`, and never touched.
 */
export class StuckCheck {
  readonly #options: StuckCheckOptions;
  readonly #loop: Loop;

  constructor(options: StuckCheckOptions) {
    this.#options = options;
    const { logger, intervalMs } = options;
    this.#loop = new Loop({ name: 'stuck-check', logger, intervalMs, round: () => this.#round() });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #round(): Promise<undefined> {
    const { connection, resources, logger } = this.#options;
    for (const { invariant, what, row } of await checkStuck(connection, resources)) {
      if (!(await noteStuck(connection, { invariant, what, row: row as JsonValue }))) continue;
      logger.error(
        { event: 'recovery.stuck', invariant, row },
        `${what} (${invariant}); nothing will move it by itself`,
      );
    }
    return undefined;
  }
}
