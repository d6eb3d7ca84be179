import type { Logger } from './logging.ts';
import { storeError } from './stored-error.ts';

export interface LoopOptions {
  readonly name: string;
  readonly logger: Logger;
  /** The longest pause between two rounds. */
  readonly intervalMs: number;
  /** One round; `isWoken` where somebody has asked for it. It may answer with the milliseconds after which the next one is due; `0` asks for it at once. */
  readonly round: (signal: AbortSignal, isWoken: boolean) => Promise<number | undefined>;
  /** Called after a failed round; by then the failure is logged, once per outage. */
  readonly onFailure?: () => void;
}

/** How a running loop is. */
export interface LoopHealth {
  readonly name: string;
  /** Since its last round that succeeded, or since its start. */
  readonly lagMs: number;
  readonly isFailing: boolean;
  /** The longest pause between two rounds. */
  readonly intervalMs: number;
}

const running = new Set<Loop>();

/** Every loop that runs in this process. */
export function liveLoops(): LoopHealth[] {
  return [...running].map((loop) => loop.health);
}

const minFailurePauseMs = 100;
const maxFailurePauseMs = 5_000;

/**
 * One thing that is done again and again until it is stopped: the shape of relay, due loop, reaper, reconciler and
 * heartbeat.
 *
 * A failing round never ends the loop: it is logged once until the next success, and tried again with a growing pause
 * of up to its interval, 5 s at most. `wake()` cuts a pause short, and asks for one more round when one is under way. `stop()` waits for the
 * round under way; it may be called any number of times.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #woken = false;
  #endPause: (() => void) | undefined;
  #succeededAt = performance.now();
  #isFailing = false;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  get health(): LoopHealth {
    const lagMs = performance.now() - this.#succeededAt;
    const { name, intervalMs } = this.#options;
    return { name, lagMs, isFailing: this.#isFailing, intervalMs };
  }

  start(): void {
    if (this.#running !== undefined) return;
    this.#succeededAt = performance.now();
    running.add(this);
    this.#running = this.#run().finally(() => running.delete(this));
  }

  wake(): void {
    this.#woken = true;
    this.#endPause?.();
  }

  /** Cuts a pause short as if it were over; nobody has asked for a round. */
  lookAlong(): void {
    this.#endPause?.();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#endPause?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const isWoken = this.#woken;
      this.#woken = false;
      const pauseMs = await this.#round(failures, isWoken);
      this.#isFailing = pauseMs === undefined;
      if (!this.#isFailing) this.#succeededAt = performance.now();
      failures = pauseMs === undefined ? failures + 1 : 0;
      const longestMs = Math.min(maxFailurePauseMs, Math.max(this.#options.intervalMs, minFailurePauseMs));
      const failurePauseMs = Math.min(minFailurePauseMs * 2 ** Math.min(failures, 10), longestMs);
      await this.#pause(pauseMs ?? failurePauseMs);
    }
  }

  async #round(failuresBefore: number, isWoken: boolean): Promise<number | undefined> {
    const { name, logger, intervalMs, round, onFailure } = this.#options;
    try {
      const dueMs = await round(this.#stop.signal, isWoken);
      if (failuresBefore > 0) logger.info({ event: 'loop.recovered', loop: name }, `${name} works again`);
      return Math.max(0, Math.min(dueMs ?? intervalMs, intervalMs));
    } catch (error) {
      if (failuresBefore === 0 && !this.#stop.signal.aborted) {
        logger.error(
          { event: 'loop.failed', loop: name, err: storeError(error, 'LEDGER_UNAVAILABLE') },
          `${name} failed and is tried again: ${storeError(error).message}`,
        );
      }
      onFailure?.();
      return undefined;
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#woken || this.#stop.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }
}
