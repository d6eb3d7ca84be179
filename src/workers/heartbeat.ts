import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { Connection } from '../executions/connection.ts';
import { renewLeases } from '../executions/sql/renew-leases.ts';
import { updateWorker } from '../executions/sql/update-worker.ts';
import type { ActiveClaims } from './active-claims.ts';

export interface HeartbeatOptions {
  readonly connection: Connection;
  readonly claims: ActiveClaims;
  readonly workerId: string;
  readonly logger: Logger;
  readonly intervalMs: number;
  readonly leaseMs: number;
  readonly state: () => 'ready' | 'draining';
}

/**
 * Renews all leases of this process in one statement, and says that the worker is alive.
 *
 * It runs on the main event loop on purpose: a process whose loop hangs must lose its leases. A claim that is no longer
 * there was taken over: its signal is aborted, and what its code still returns is not written.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #loop: Loop;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'heartbeat',
      logger: options.logger,
      intervalMs: options.intervalMs,
      round: () => this.#beat(),
    });
  }

  start(): void {
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
  }

  async #beat(): Promise<undefined> {
    const { connection, claims, workerId, leaseMs, state } = this.#options;
    await updateWorker(connection, { id: workerId, state: state(), running: claims.size });
    const active = claims.list();
    if (active.length === 0) return undefined;
    const held = await renewLeases(
      connection,
      active.map(({ step }) => ({ executionId: step.executionId, position: step.position, token: step.token })),
      leaseMs,
    );
    const stillActive = new Set(claims.list());
    for (const claim of active) {
      if (!stillActive.has(claim)) continue;
      const executionState = held.get(claim.step.token);
      if (executionState === undefined) claim.abort('lost');
      else if (executionState === 'canceling') claim.abort('cancel');
      else if (executionState === 'failing') claim.abort('failing');
    }
    return undefined;
  }
}
