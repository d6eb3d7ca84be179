import { atMost } from '../core/at-most.ts';
import { ReeveError } from '../core/errors.ts';
import type { IsolationKind } from '../core/isolation.ts';
import type { Logger } from '../core/logging.ts';
import { isolatedEnds, isolatedStarts } from '../core/metrics.ts';
import { storeError } from '../core/stored-error.ts';
import { IsolatedSide } from './isolated-side.ts';
import type { AppAbout, AppModule } from './messages.ts';
import { startProcess } from './process-transport.ts';
import { startThread } from './thread-transport.ts';
import type { Launch, StartTransport } from './transport.ts';

export interface IsolationPoolOptions {
  /** The program of the isolated side. */
  readonly entry: URL;
  /** Undefined where nobody has said how the app is imported again. */
  readonly app: AppModule | undefined;
  /** What the worker itself has; a side that has less, or another database, is of no use. */
  readonly about: AppAbout;
  /** MB. */
  readonly memoryLimit: number;
  /** After so many steps a side is replaced. */
  readonly maxTasks: number;
  readonly startTimeoutMs: number;
  readonly logger: Logger;
}

const starters: Readonly<Record<IsolationKind, StartTransport>> = { thread: startThread, process: startProcess };
/** After a termination that does not come through, it is said that a thread cannot be ended. */
const endsWithinMs = 5_000;
const closeTimeoutMs = 5_000;

/**
 * The threads and processes of a worker process. They are kept warm between steps, and whatever was killed, or is worn
 * out, is replaced before it is needed again.
 *
 * Not piscina or tinypool: they abort by termination alone, where a step first gets its signal and may still end well; a
 * task of theirs is one question and one answer, where a step asks its worker things meanwhile; and their processes stay
 * when their parent is killed while they are busy.
 */
export class IsolationPool {
  readonly #options: IsolationPoolOptions;
  readonly #idle: IsolatedSide[] = [];
  readonly #all = new Set<IsolatedSide>();
  /** What is being started for whoever comes next. */
  readonly #spares = new Map<IsolationKind, Promise<IsolatedSide>>();
  #isClosed = false;

  constructor(options: IsolationPoolOptions) {
    this.#options = options;
  }

  /** Starts one side of each kind, so that what is wrong is known before a step waits. @throws ISOLATION_UNAVAILABLE */
  async warm(kinds: ReadonlySet<IsolationKind>): Promise<void> {
    const cold = [...kinds].filter((kind) => !this.#idle.some((side) => side.kind === kind));
    await Promise.all(cold.map(async (kind) => this.#offer(await this.#start(kind))));
  }

  /**
   * A side for one step, which is then given back.
   *
   * @throws ISOLATION_UNAVAILABLE, or the reason of the signal once it is aborted.
   */
  async take(kind: IsolationKind, signal: AbortSignal): Promise<IsolatedSide> {
    signal.throwIfAborted();
    const at = this.#idle.findIndex((side) => side.kind === kind);
    const [warm] = at === -1 ? [] : this.#idle.splice(at, 1);
    if (warm !== undefined) return warm;
    const starting = this.#spares.get(kind) ?? this.#start(kind);
    this.#spares.delete(kind);
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await Promise.race([starting, aborted.promise]);
    } catch (error) {
      // It will be warm for the next.
      starting.then(
        (side) => this.#offer(side),
        () => undefined,
      );
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  /** Takes a side back whose step has ended; it is replaced where it has served its time, or ended with the step. */
  give(side: IsolatedSide): void {
    const { maxTasks, memoryLimit } = this.#options;
    if (side.isGone) {
      isolatedEnds.inc({ kind: side.kind, cause: 'crash' });
      this.#replace(side.kind);
    } else if (side.runs >= maxTasks || side.memoryUsed > memoryLimit / 2) this.kill(side, 'worn-out');
    else this.#offer(side);
  }

  /** Ends a side and starts another in its place; the answer is not waited for. */
  kill(side: IsolatedSide, why: 'worn-out' | 'limit' | 'canceled' | 'lost' | 'shutdown'): void {
    isolatedEnds.inc({ kind: side.kind, cause: why });
    side.kill(why);
    this.#sayWhenStuck(side);
    if (why !== 'shutdown') this.#replace(side.kind);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#idle.length = 0;
    const sides = [...this.#all];
    for (const side of sides) side.kill('the worker is closed');
    await atMost(Promise.all(sides.map((side) => side.gone)), closeTimeoutMs);
  }

  #replace(kind: IsolationKind): void {
    if (this.#isClosed || this.#spares.has(kind) || this.#idle.some((side) => side.kind === kind)) return;
    const spare = this.#start(kind);
    this.#spares.set(kind, spare);
    spare.then(
      (side) => {
        if (this.#isUntaken(kind, spare)) this.#offer(side);
      },
      (error: unknown) => {
        const stored = storeError(error);
        if (this.#isUntaken(kind, spare) && !this.#isClosed)
          this.#options.logger.error({ event: 'isolation.start', kind, err: stored }, stored.message);
      },
    );
  }

  #isUntaken(kind: IsolationKind, spare: Promise<IsolatedSide>): boolean {
    return this.#spares.get(kind) === spare && this.#spares.delete(kind);
  }

  #offer(side: IsolatedSide): void {
    if (this.#isClosed) side.kill('the worker is closed');
    else if (!side.isGone) this.#idle.push(side);
  }

  async #start(kind: IsolationKind): Promise<IsolatedSide> {
    const { entry, app, memoryLimit, startTimeoutMs, logger } = this.#options;
    if (this.#isClosed) throw unavailable('the worker is closed', true);
    if (app === undefined) throw unavailable(howToName);
    const launch: Launch = { entry, app, memoryLimit };
    const startedAt = performance.now();
    const side = begin(starters[kind], launch);
    this.#all.add(side);
    side.onGone((how) => this.#gone(side, how));
    const timer = setTimeout(() => side.kill(`it did not start within ${startTimeoutMs} ms`), startTimeoutMs);
    try {
      const problems = differences(await side.started(), this.#options.about);
      if (problems.length > 0) throw unavailable(`${app.module} is another app: ${problems.join('; ')}`, true);
    } catch (error) {
      side.kill('it is of no use');
      throw error;
    } finally {
      clearTimeout(timer);
    }
    isolatedStarts.observe({ kind }, (performance.now() - startedAt) / 1_000);
    const ms = Math.round(performance.now() - startedAt);
    logger.debug({ event: 'isolation.started', kind, ms }, `${side.name} is ready for isolated steps after ${ms} ms`);
    return side;
  }

  #gone(side: IsolatedSide, how: string): void {
    this.#all.delete(side);
    const at = this.#idle.indexOf(side);
    if (at === -1) return;
    this.#idle.splice(at, 1);
    this.#options.logger.warn({ event: 'isolation.ended', kind: side.kind }, `the idle ${side.name} has ended: ${how}`);
  }

  #sayWhenStuck(side: IsolatedSide): void {
    const late = setTimeout(() => {
      const text = `the ${side.name} does not end, because it is in native code; use isolation: 'process' for such tasks`;
      this.#options.logger.error({ event: 'isolation.stuck', kind: side.kind }, text);
    }, endsWithinMs);
    late.unref();
    side.onGone(() => clearTimeout(late));
  }
}

/** A machine without memory or descriptors for it may have them later; the code of the step has not run. */
function begin(starter: StartTransport, launch: Launch): IsolatedSide {
  try {
    return new IsolatedSide(starter, launch);
  } catch (error) {
    throw unavailable(`a thread or process cannot be started: ${storeError(error).message}`, true);
  }
}

const howToName =
  'a thread or a process has to import the app again, and nobody has said from where; pass isolation: { module: import.meta.url } ' +
  'to defineReeve, in the module whose default export this Reeve is (`reeve worker` knows it by itself)';

function unavailable(why: string, retryable = false): ReeveError {
  return new ReeveError('ISOLATION_UNAVAILABLE', why, { retryable });
}

/** In what a side differs from its worker, so that a step might fail there, or be looked for in another database. */
function differences(found: AppAbout, wanted: AppAbout): string[] {
  const missing = (mine: readonly string[], its: readonly string[]): string =>
    mine
      .filter((name) => !its.includes(name))
      .map((name) => `"${name}"`)
      .join(', ');
  const tasks = missing(wanted.tasks, found.tasks);
  const resources = missing(wanted.resources, found.resources);
  return [
    ...(tasks === '' ? [] : [`the worker has the tasks ${tasks}, which it lacks`]),
    ...(resources === '' ? [] : [`the worker has the resources ${resources}, which it lacks`]),
    ...(found.database === wanted.database ? [] : [`its database is ${found.database}, not ${wanted.database}`]),
    ...(found.schema === wanted.schema ? [] : [`its schema is "${found.schema}", not "${wanted.schema}"`]),
  ];
}
