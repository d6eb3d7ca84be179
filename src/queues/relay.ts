import { Loop } from '../core/loop.ts';
import type { Logger } from '../core/logging.ts';
import type { Connection } from '../executions/connection.ts';
import { idleMinAgeMs, type SharedLook } from '../executions/shared-look.ts';
import { listUnpublishedSteps, type UnpublishedStep } from '../executions/sql/list-unpublished-steps.ts';
import { markPublished } from '../executions/sql/mark-published.ts';
import type { Broker } from './broker.ts';
import { jobId, stepJob } from './job.ts';

export interface RelayOptions {
  readonly connection: Connection;
  readonly look: SharedLook;
  readonly broker: Broker;
  readonly engineId: string;
  readonly logger: Logger;
  /** Admits whoever waits for a permit and may have it; called before each look. */
  readonly admit: () => Promise<unknown>;
  /** Whether a nudge starts it; else it publishes nothing before `start`. */
  readonly nudged: boolean;
  /** How often it looks without being asked. */
  readonly intervalMs: number;
}

const batchSize = 1_000;
const markAfterMs = 250;
const markAtSteps = 500;

/**
 * Moves committed, ready steps to their queues.
 *
 * Publishing is at least once: the job id is the delivery, so what is added twice is there once, and a claim is refused
 * to the second one that comes. A nudge publishes at once what is committed by then; without one the relay looks every
 * `intervalMs`, so a nudge that was lost with its process costs time and nothing else. Any number of relays may run.
 *
 * The published mark is written in bulk a little later, and only for steps that nobody has claimed by then.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #loop: Loop;
  /** What was published here and may not be marked yet, so that it is not sent again in the meantime. */
  readonly #unmarked = new Map<string, UnpublishedStep>();
  /** What {@link publish} has under way. */
  readonly #sending = new Set<Promise<void>>();
  #nudged = false;
  #started = false;
  #markTimer: NodeJS.Timeout | undefined;
  #marking: Promise<void> = Promise.resolve();

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#loop = new Loop({
      name: 'relay',
      logger: options.logger,
      intervalMs: options.intervalMs,
      round: () => this.#round(),
    });
    options.look.join(this.#loop);
  }

  start(): void {
    this.#started = true;
    this.#loop.start();
  }

  /** Publishes soon what is committed now. Never throws and is not waited for. */
  nudge(): void {
    if (!this.#options.nudged && !this.#started) return;
    this.#nudged = true;
    this.#loop.start();
    this.#loop.wake();
  }

  /**
   * Publishes steps that somebody has just committed and knows, without looking for them. Never throws and is not waited
   * for: what does not get through is found by the next look.
   */
  publish(steps: readonly UnpublishedStep[]): void {
    if (steps.length === 0 || (!this.#options.nudged && !this.#started)) return;
    const sending = this.#publish(steps)
      .catch(() => this.nudge())
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#sending);
    await this.#mark().catch(() => undefined);
  }

  async #round(): Promise<number | undefined> {
    const { look, connection, admit } = this.#options;
    const isNudged = this.#nudged;
    this.#nudged = false;
    const found = isNudged ? { isWaiting: true, isUnpublished: true } : await look.take(this.#loop);
    if (!found.isWaiting && !found.isUnpublished) return undefined;
    // A line that cannot be moved on keeps nothing else from being published.
    const refused = await admit().then(
      () => undefined,
      (error: unknown) => (Error.isError(error) ? error : new Error(String(error))),
    );
    const minAgeMs = isNudged ? 0 : idleMinAgeMs;
    const unpublished = await listUnpublishedSteps(connection, { limit: batchSize, minAgeMs });
    const steps = unpublished.filter((step) => this.#unmarked.get(jobId(step))?.epoch !== step.epoch);
    if (steps.length > 0) await this.#publish(steps);
    if (refused !== undefined) throw refused;
    if (unpublished.length >= batchSize) {
      await this.#mark();
      return 0;
    }
    return undefined;
  }

  async #publish(steps: readonly UnpublishedStep[]): Promise<void> {
    const byQueue = Map.groupBy(steps, (step) => step.queue);
    const sent = await Promise.allSettled([...byQueue].map(([name, ofQueue]) => this.#send(name, ofQueue)));
    this.#markSoon();
    for (const answer of sent) if (answer.status === 'rejected') throw answer.reason;
  }

  async #send(queue: string, steps: readonly UnpublishedStep[]): Promise<void> {
    const { broker, engineId } = this.#options;
    await broker.addJobs(
      queue,
      steps.map((step) => ({
        name: 'step',
        data: stepJob(engineId, step),
        opts: { jobId: jobId(step), ...(step.priority > 0 ? { priority: step.priority } : {}) },
      })),
    );
    for (const step of steps) this.#unmarked.set(jobId(step), step);
  }

  #markSoon(): void {
    if (this.#unmarked.size === 0) return;
    const delayMs = this.#unmarked.size >= markAtSteps ? 0 : markAfterMs;
    this.#markTimer ??= setTimeout(() => {
      this.#markTimer = undefined;
      this.#mark().catch((error: unknown) => {
        this.#options.logger.debug({ event: 'relay.mark', err: String(error) }, 'published marks were not written');
      });
    }, delayMs);
  }

  #mark(): Promise<void> {
    clearTimeout(this.#markTimer);
    this.#markTimer = undefined;
    this.#marking = this.#marking
      .catch(() => undefined)
      .then(async () => {
        const steps = [...this.#unmarked.values()];
        if (steps.length === 0) return;
        try {
          await markPublished(this.#options.connection, steps);
        } finally {
          for (const step of steps) this.#unmarked.delete(jobId(step));
        }
      });
    return this.#marking;
  }
}
