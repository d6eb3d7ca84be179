import type { Worker } from 'bullmq';
import type { Logger } from '../core/logging.ts';
import { storeError } from '../core/stored-error.ts';

const firstPauseMs = 200;
const longestPauseMs = 5_000;

/**
 * A BullMQ worker that begins to fetch only once its connection is ready.
 *
 * A worker whose first connection fails is thrown away and made anew: BullMQ 6.7 remembers the failure, and its main
 * loop would spin on it without ever giving the event loop a turn.
 */
export class JobWorker {
  readonly #make: () => Worker;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #started: Promise<void>;
  #worker: Worker | undefined;

  constructor(make: () => Worker, logger: Logger) {
    this.#make = make;
    this.#logger = logger;
    this.#started = this.#start();
  }

  /** Takes no new jobs; what runs goes on. */
  async pause(): Promise<void> {
    this.#stop.abort();
    await this.#worker?.pause(true);
  }

  /** @param force - Does not wait for the jobs that run. BullMQ hears only the first call. */
  async close(force: boolean): Promise<void> {
    this.#stop.abort();
    await this.#started;
    await this.#worker?.close(force);
  }

  async #start(): Promise<void> {
    for (let pauseMs = firstPauseMs; !this.#stop.signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      const worker = this.#make();
      try {
        await worker.waitUntilReady();
        if (this.#stop.signal.aborted) {
          await worker.close(true);
          return;
        }
        this.#worker = worker;
        worker.run().catch((error: unknown) => this.#failed(error));
        return;
      } catch (error) {
        this.#failed(error);
        await worker.close(true).catch(() => undefined);
        await this.#pause(pauseMs);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stop.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #failed(error: unknown): void {
    const stored = storeError(error, 'BROKER_UNAVAILABLE');
    this.#logger.warn(
      { event: 'broker.worker', err: stored },
      `the broker does not answer a worker: ${stored.message}`,
    );
  }
}
