import { isReeveError, ReeveError, type ErrorCode } from '../core/errors.ts';
import { toJson, type JsonLimits } from '../core/json.ts';
import { restoredError } from '../core/restored-error.ts';
import { storeError } from '../core/stored-error.ts';
import { stepRun, type StepSurroundings } from '../executors/step-run.ts';
import { remoteEngine } from './engine-calls.ts';
import type { FromSide, IsolatedStep, SideAnswer, ToSide } from './messages.ts';
import { remoteLogger } from './remote-logger.ts';

/** Runs steps in a thread or process, one after another, as its worker tells. */
export class StepServer {
  readonly #surroundings: StepSurroundings;
  readonly #send: (message: FromSide) => void;
  readonly #memory: () => number;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  #current: { readonly run: number; readonly abort: AbortController } | undefined;
  #calls = 0;

  /** @param memory - MB in use. */
  constructor(surroundings: StepSurroundings, send: (message: FromSide) => void, memory: () => number) {
    this.#surroundings = surroundings;
    this.#send = send;
    this.#memory = memory;
  }

  receive(message: ToSide): void {
    switch (message.t) {
      case 'run':
        this.#run(message.run, message.step).catch((error: unknown) => this.#fail(message.run, error));
        return;
      case 'abort':
        if (this.#current?.run !== message.run) return;
        this.#current.abort.abort(new ReeveError(message.code as ErrorCode, message.message, { retryable: true }));
        return;
      case 'reply':
        this.#answered(message.call)?.resolve(message.value);
        return;
      case 'refuse':
        this.#answered(message.call)?.reject(restoredError(message.error));
    }
  }

  #answered(call: number): PromiseWithResolvers<unknown> | undefined {
    const asked = this.#asked.get(call);
    this.#asked.delete(call);
    return asked;
  }

  async #run(run: number, step: IsolatedStep): Promise<void> {
    const abort = new AbortController();
    this.#current = { run, abort };
    const { tasks, limits } = this.#surroundings;
    const attempt = {
      step: { ...step, token: '' },
      signal: abort.signal,
      logger: remoteLogger((level, fields, message) => this.#send({ t: 'log', run, level, fields, message })),
      engine: remoteEngine((name, args) => this.#ask(run, name, args)),
    };
    try {
      const answer = await tasks.handler(step.task)(stepRun(attempt, this.#surroundings));
      if (answer.kind === 'completed' || answer.kind === 'await') {
        throw new ReeveError('ISOLATION_REFUSED', `task "${step.task}" has to run in its worker`);
      }
      this.#send({ t: 'end', run, answer: cleaned(step, answer, limits), memory: this.#memory() });
    } catch (error) {
      this.#fail(run, error);
    }
  }

  #fail(run: number, thrown: unknown): void {
    const isAbort = this.#current?.run === run && this.#current.abort.signal.reason === thrown && thrown !== undefined;
    this.#send({ t: 'failed', run, error: storeError(thrown), isAbort, memory: this.#memory() });
  }

  async #ask(run: number, name: string, args: readonly unknown[]): Promise<unknown> {
    this.#calls += 1;
    const call = this.#calls;
    const asked = Promise.withResolvers<unknown>();
    this.#asked.set(call, asked);
    try {
      this.#send({ t: 'call', run, call, name, args });
    } catch (error) {
      this.#asked.delete(call);
      throw new ReeveError('PAYLOAD_NOT_JSON', `what step code gave to "${name}" cannot leave its thread`, {
        cause: error,
      });
    }
    return asked.promise;
  }
}

/** Only JSON leaves: what the ledger would refuse is refused here, where the value still is what it was. */
function cleaned(step: IsolatedStep, answer: SideAnswer, limits: JsonLimits): SideAnswer {
  if (answer.kind !== 'succeeded') return answer;
  try {
    const subject = `The result of step ${step.position + 1} "${step.description}"`;
    return { ...answer, result: toJson(answer.result, subject, limits, 'RESULT_NOT_JSON') };
  } catch (error) {
    if (isReeveError(error)) return { kind: 'failed', error: storeError(error) };
    throw error;
  }
}
