import { ReeveError } from '../../core/errors.ts';
import type { Logger } from '../../core/logging.ts';
import type { VerbLimits } from './limits.ts';
import { SandboxChild, type HostCall } from './sandbox-child.ts';
import { childEntry, launchPlan, type LaunchPlan } from './walls.ts';

export interface SandboxPoolOptions {
  readonly limits: VerbLimits;
  readonly logger: Logger;
  /** How many tasks run at once; so many children are kept warm, and one more. */
  readonly size: number;
  /** Isolates that each child has ready. Default 3. */
  readonly spare?: number;
  /** The child's program; tests have one that misbehaves. */
  readonly entry?: string;
  readonly isWalled?: boolean;
}

/** A child for the length of one task. */
export interface SandboxTask {
  readonly child: SandboxChild;
  /** The child is cleaned and used again, or replaced. */
  readonly end: () => void;
}

const startTries = 3;

/** Warm children, one for each task that runs. A child that is in any doubt is killed and replaced. */
export class SandboxPool {
  readonly #options: SandboxPoolOptions;
  readonly #plan: LaunchPlan;
  readonly #idle: SandboxChild[] = [];
  readonly #all = new Set<SandboxChild>();
  readonly #waiting: PromiseWithResolvers<SandboxChild>[] = [];
  #starting = 0;
  #failures = 0;
  #stopped = false;

  /** @throws SANDBOX_UNAVAILABLE where isolated-vm is not installed. */
  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    const plan = launchPlan(options.entry ?? childEntry(), options.isWalled);
    if (plan === undefined) throw unavailable('isolated-vm is not installed');
    this.#plan = plan;
  }

  /**
   * Starts the children and says once what this machine cannot give.
   *
   * @throws SANDBOX_UNAVAILABLE where the native part of isolated-vm does not load.
   */
  async start(): Promise<void> {
    const { logger } = this.#options;
    for (const { wall, reason } of this.#plan.missing) {
      logger.warn({ event: 'sandbox.wall', wall }, `the sandbox for verbs has no wall "${wall}": ${reason}`);
    }
    const first = await this.#launch();
    this.#offer(first);
    this.#fill();
  }

  /** A clean child; waits for one where all are busy. */
  async take(host: HostCall): Promise<SandboxTask> {
    const child = await this.#next();
    child.begin(host);
    const end = (): void => {
      this.#giveBack(child).catch(() => child.kill('violation', 'it could not be cleaned'));
    };
    return { child, end };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(unavailable('the sandbox is stopped', true));
    const gone = [...this.#all].map((child) => child.gone);
    for (const child of this.#all) child.kill('retired', 'the sandbox is stopped');
    await Promise.all(gone);
  }

  async #next(): Promise<SandboxChild> {
    if (this.#stopped) throw unavailable('the sandbox is stopped', true);
    for (let child = this.#idle.shift(); child !== undefined; child = this.#idle.shift()) {
      if (!child.isGone) return child;
    }
    const waiter = Promise.withResolvers<SandboxChild>();
    this.#waiting.push(waiter);
    this.#fill();
    return waiter.promise;
  }

  async #giveBack(child: SandboxChild): Promise<void> {
    if (child.isGone) return;
    if (child.tasks >= this.#options.limits.tasksPerChild) return child.kill('retired', 'it has served its tasks');
    try {
      await child.reset();
    } catch {
      return;
    }
    this.#offer(child);
  }

  #offer(child: SandboxChild): void {
    if (this.#stopped) return child.kill('retired', 'the sandbox is stopped');
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#idle.push(child);
    else waiter.resolve(child);
  }

  #fill(): void {
    while (!this.#stopped && this.#all.size + this.#starting < this.#options.size + 1) {
      this.#launch().then(
        (child) => this.#offer(child),
        (error: unknown) => this.#couldNotStart(error),
      );
    }
  }

  async #launch(): Promise<SandboxChild> {
    this.#starting += 1;
    const { limits, spare } = this.#options;
    const child = new SandboxChild(this.#plan, limits, spare ?? 3);
    try {
      await child.started();
    } catch (error) {
      throw unavailable(Error.isError(error) ? error.message : String(error));
    } finally {
      this.#starting -= 1;
    }
    this.#failures = 0;
    this.#all.add(child);
    child.onGone(() => {
      this.#all.delete(child);
      const index = this.#idle.indexOf(child);
      if (index >= 0) this.#idle.splice(index, 1);
      this.#fill();
    });
    return child;
  }

  #couldNotStart(error: unknown): void {
    if (this.#stopped) return;
    this.#failures += 1;
    this.#options.logger.error({ event: 'sandbox.start', err: error }, 'a sandbox process could not be started');
    if (this.#failures < startTries) return this.#fill();
    // It has worked before, so it may again: the steps that wait are tried later.
    const reason = unavailable(Error.isError(error) ? error.message : String(error), true);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(reason);
    this.#failures = 0;
  }
}

function unavailable(why: string, retryable = false): ReeveError {
  return new ReeveError('SANDBOX_UNAVAILABLE', `verbs cannot run here: ${why}`, { retryable });
}
