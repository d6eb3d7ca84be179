import type { IsolationKind } from '../core/isolation.ts';
import { isReeveError, ReeveError } from '../core/errors.ts';
import type { Logger } from '../core/logging.ts';
import { restoredError } from '../core/restored-error.ts';
import { storeError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StepEngine } from '../executors/step-engine.ts';
import { answerQuestion } from './engine-calls.ts';
import { parseFromSide, type AppAbout, type FromSide, type SideAnswer } from './messages.ts';
import type { Launch, StartTransport, Transport } from './transport.ts';

/** The thread or process of a step has ended under it. */
export class IsolatedCrash extends Error {
  /** `memory`: it was killed at its memory limit. */
  readonly because: 'memory' | 'exit';

  constructor(message: string, because: 'memory' | 'exit') {
    super(message);
    this.because = because;
  }
}

/** What the worker gives a step that runs elsewhere. */
export interface IsolatedHost {
  readonly step: ClaimedStep;
  readonly engine: StepEngine;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

interface OpenRun extends IsolatedHost {
  readonly id: number;
  readonly answer: PromiseWithResolvers<SideAnswer>;
}

const memoryLookMs = 100;

/** One thread or process, and the step that it runs. It is used for one step after another, never for two at once. */
export class IsolatedSide {
  readonly #transport: Transport;
  /** Until it has begun to start it has no better one. */
  #name = 'isolated side';
  readonly #memoryLimit: number;
  readonly #hello = Promise.withResolvers<AppAbout>();
  readonly #gone = Promise.withResolvers<string>();
  #ended: string | undefined;
  #killedFor: string | undefined;
  #outgrown = false;
  #run: OpenRun | undefined;
  #runs = 0;
  #memoryUsed = 0;

  constructor(start: StartTransport, launch: Launch) {
    this.#memoryLimit = launch.memoryLimit;
    this.#hello.promise.catch(() => undefined);
    this.#transport = start(launch, {
      message: (value) => {
        const message = parseFromSide(value);
        if (message !== undefined) this.#receive(message);
      },
      ended: (how) => this.#end(how),
    });
    this.#name = this.#transport.name;
  }

  get kind(): IsolationKind {
    return this.#transport.kind;
  }

  get name(): string {
    return this.#name;
  }

  /** How many steps it has begun. */
  get runs(): number {
    return this.#runs;
  }

  get isGone(): boolean {
    return this.#ended !== undefined || this.#killedFor !== undefined;
  }

  /** Resolves with how it ended, once nothing of it runs any more. */
  get gone(): Promise<string> {
    return this.#gone.promise;
  }

  /** Tells once, with how it ended. */
  onGone(listener: (how: string) => void): void {
    this.#gone.promise.then(listener, () => undefined);
  }

  /** What it has found in the app. @throws ISOLATION_UNAVAILABLE, or what its database says. */
  started(): Promise<AppAbout> {
    return this.#hello.promise;
  }

  /**
   * Runs a step; the abort of its signal is passed on.
   *
   * @throws what its code throws, as an error that stores as the same; the reason of the signal itself where that was
   * thrown; {@link IsolatedCrash} when the thread or process ends.
   */
  async run(host: IsolatedHost): Promise<SideAnswer> {
    if (this.#ended !== undefined) throw this.#crash();
    const { token: _token, ...step } = host.step;
    this.#runs += 1;
    const run: OpenRun = { ...host, id: this.#runs, answer: Promise.withResolvers() };
    this.#run = run;
    const abort = (): void => this.#abort(run);
    let isLooking = false;
    const look = (): void => {
      // A thread in native code does not answer.
      if (isLooking) return;
      isLooking = true;
      this.#transport
        .memory()
        .then(
          (used) => this.#checkMemory(run, used),
          () => undefined,
        )
        .finally(() => (isLooking = false));
    };
    const watch = setInterval(look, memoryLookMs);
    watch.unref();
    try {
      this.#transport.send({ t: 'run', run: run.id, step });
      if (host.signal.aborted) abort();
      else host.signal.addEventListener('abort', abort, { once: true });
      return await run.answer.promise;
    } finally {
      clearInterval(watch);
      host.signal.removeEventListener('abort', abort);
      if (this.#run === run) this.#run = undefined;
    }
  }

  /** MB that were in use at the end of its last step. */
  get memoryUsed(): number {
    return this.#memoryUsed;
  }

  /** Ends it, whatever it does. */
  kill(why: string): void {
    if (this.#killedFor !== undefined || this.#ended !== undefined) return;
    this.#killedFor = why;
    this.#transport.kill();
  }

  #abort({ id, signal }: OpenRun): void {
    const reason: unknown = signal.reason;
    const code = isReeveError(reason) ? reason.code : 'TASK_FAILED';
    this.#transport.send({ t: 'abort', run: id, code, message: storeError(reason).message });
  }

  #receive(message: FromSide): void {
    if (message.t === 'hello') return this.#hello.resolve(message.about);
    if (message.t === 'unable') return this.#hello.reject(restoredError(message.error));
    const run = this.#run;
    // Of a step that is over: nobody waits for it.
    if (run === undefined || run.id !== message.run) return undefined;
    switch (message.t) {
      case 'log':
        return logSafely(run.logger, message);
      case 'end':
        this.#memoryUsed = message.memory;
        return run.answer.resolve(message.answer);
      case 'failed':
        this.#memoryUsed = message.memory;
        return run.answer.reject(message.isAbort ? run.signal.reason : restoredError(message.error));
      case 'call':
        // What a killed step still asks for is asked for nobody.
        return this.#killedFor === undefined ? this.#answer(run, message) : undefined;
    }
  }

  #answer(run: OpenRun, { call, name, args }: FromSide & { t: 'call' }): void {
    answerQuestion(run.engine, name, args)
      .then((value) => this.#transport.send({ t: 'reply', call, value }))
      .catch((error: unknown) => this.#transport.send({ t: 'refuse', call, error: storeError(error) }));
  }

  #checkMemory(run: OpenRun, used: number | undefined): void {
    if (used === undefined || used <= this.#memoryLimit || this.#run !== run) return;
    this.#outgrown = true;
    this.kill(`it used ${Math.round(used)} MB; the limit (isolation.memory) is ${this.#memoryLimit} MB`);
  }

  #crash(): IsolatedCrash {
    const why = this.#outgrown ? this.#killedFor : this.#ended;
    return new IsolatedCrash(`the ${this.#name} has ended: ${why}`, this.#outgrown ? 'memory' : 'exit');
  }

  #end(how: string): void {
    this.#ended = how;
    const message = `the ${this.#name} has ended before it was ready: ${this.#killedFor ?? how}`;
    this.#hello.reject(new ReeveError('ISOLATION_UNAVAILABLE', message, { retryable: true }));
    this.#run?.answer.reject(this.#crash());
    this.#gone.resolve(how);
  }
}

/** Its fields may be what a logger of the application's cannot write; that is no reason for the worker to end. */
function logSafely(logger: Logger, { level, fields, message }: FromSide & { t: 'log' }): void {
  try {
    logger[level](fields, message);
  } catch (error) {
    logger.warn(
      { event: 'isolation.log', err: storeError(error).message },
      `a line of an isolated step was not logged: ${message}`,
    );
  }
}
