import { durationMs, type Duration } from './core/duration.ts';
import { ReeveError } from './core/errors.ts';
import type { OperatorOptions } from './executions/operator.ts';
import { changeThrottle } from './executions/change-throttle.ts';
import { listThrottles, type ThrottleView } from './executions/sql/list-throttles.ts';
import type { LedgerPool } from './executions/ledger-pool.ts';
import type { ResourceWrites } from './executions/resource-writes.ts';
import { isLimit } from './tasks/define-throttle.ts';

export interface SetThrottleOptions extends OperatorOptions {
  /** From 0, which admits nobody. A lowered limit drains: nobody loses a permit. */
  readonly limit: number;
  /** How long the override holds. Left out: until it is reset. */
  readonly for?: Duration;
}

interface Connected {
  readonly pool: LedgerPool;
  readonly writes: ResourceWrites;
  readonly relay: { nudge(): void };
}

/** Limits while work is under way; those who wait react at once. */
export class Throttles {
  readonly #connect: () => Promise<Connected>;

  constructor(connect: () => Promise<Connected>) {
    this.#connect = connect;
  }

  /** Every key that somebody has asked for, with limit, holders and waiters. */
  async list(): Promise<ThrottleView[]> {
    const { pool } = await this.#connect();
    return listThrottles(pool, null);
  }

  /** @throws THROTTLE_UNKNOWN; INPUT_INVALID for a limit that cannot be one. */
  async set(key: string, options: SetThrottleOptions): Promise<ThrottleView> {
    if (!isLimit(options.limit)) {
      throw new ReeveError(
        'INPUT_INVALID',
        `throttle "${key}" cannot have the limit ${String(options.limit)}; use 0 to 100000`,
      );
    }
    const forMs = options.for === undefined ? null : durationMs(options.for, 'for');
    return this.#change(key, { limit: options.limit, forMs }, options);
  }

  /** Takes an override back: the limit is again the one that the code says. @throws THROTTLE_UNKNOWN */
  async reset(key: string, options: OperatorOptions = {}): Promise<ThrottleView> {
    return this.#change(key, { limit: null, forMs: null }, options);
  }

  async #change(
    key: string,
    change: { readonly limit: number | null; readonly forMs: number | null },
    options: OperatorOptions,
  ): Promise<ThrottleView> {
    const { pool, writes, relay } = await this.#connect();
    await changeThrottle(pool, writes, { key, ...change }, options);
    relay.nudge();
    const [view] = await listThrottles(pool, key);
    if (view !== undefined) return view;
    throw new ReeveError('THROTTLE_UNKNOWN', `there is no throttle of the key "${key}"`);
  }
}
