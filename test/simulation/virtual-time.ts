import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import type { TestRandom } from '../support/random.ts';
import { actorContext, runAs, type Actor } from './actor.ts';

interface Timer {
  readonly id: number;
  readonly actor: Actor;
  at: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

/** What `setTimeout` answers to simulated code. */
class VirtualTimer {
  readonly id: number;

  constructor(id: number) {
    this.id = id;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

const real = {
  setTimeout: globalThis.setTimeout,
  setInterval: globalThis.setInterval,
  setImmediate: globalThis.setImmediate,
  clearTimeout: globalThis.clearTimeout,
  clearInterval: globalThis.clearInterval,
  clearImmediate: globalThis.clearImmediate,
  dateNow: Date.now.bind(Date),
  performanceNow: performance.now.bind(performance),
  abortTimeout: AbortSignal.timeout.bind(AbortSignal),
  random: Math.random.bind(Math),
  randomUUID: crypto.randomUUID,
  getRandomValues: globalThis.crypto.getRandomValues.bind(globalThis.crypto),
};

/** Where the virtual clock begins: a time at which no zone changes its own. */
export const epochMs = Date.UTC(2026, 0, 5, 12);

/**
 * The clock, the timers and the randomness of simulated code: inside the context of an actor they are virtual and decided
 * by the seed, everywhere else (the drivers of the database, the harness) they are the real ones.
 */
export class VirtualTime {
  /** Milliseconds since the start of the scenario. */
  now = 0;
  readonly #random: TestRandom;
  #timers = new Map<number, Timer>();
  #immediates: { readonly id: number; readonly actor: Actor; readonly run: () => void }[] = [];
  #nextId = 1;

  constructor(random: TestRandom) {
    this.#random = random;
  }

  /** Resolves once nothing happens any more without a decision: all promises that could go on have gone on. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => real.setImmediate(resolve));
      const next = this.#immediates.findIndex(({ actor }) => !this.isHeld(actor));
      if (next < 0) return;
      for (const { actor, run } of this.#immediates.splice(next, 1)) if (actor.isAlive) runAs(actor, run);
    }
  }

  isHeld(actor: Actor): boolean {
    return actor.isAlive && actor.frozenUntil > this.now;
  }

  /** When the next timer of a living actor fires. */
  nextAt(): number | undefined {
    return this.#next()?.at;
  }

  /** Fires the next timer, at its time. */
  fire(): Actor | undefined {
    const timer = this.#next()?.timer;
    if (timer === undefined) return undefined;
    if (timer.everyMs === undefined) this.#timers.delete(timer.id);
    else timer.at = Math.max(timer.at, this.now) + timer.everyMs;
    runAs(timer.actor, timer.run);
    return timer.actor;
  }

  forget(actor: Actor): void {
    for (const timer of this.#timers.values()) if (timer.actor === actor) this.#timers.delete(timer.id);
  }

  #next(): { readonly timer: Timer; readonly at: number } | undefined {
    let first: { readonly timer: Timer; readonly at: number } | undefined;
    for (const timer of this.#timers.values()) {
      if (!timer.actor.isAlive) continue;
      const at = Math.max(timer.at, timer.actor.frozenUntil);
      if (first === undefined || at < first.at) first = { timer, at };
    }
    return first;
  }

  /** Puts itself in the place of the globals; gone again at the end of `using`. */
  install(): Disposable {
    const add = (run: () => void, ms: number | undefined, isRepeated: boolean): VirtualTimer | undefined => {
      const actor = actorContext.getStore()?.actor;
      if (actor === undefined) return undefined;
      const id = this.#nextId++;
      const waitMs = Math.max(1, Math.ceil(ms ?? 0));
      this.#timers.set(id, { id, actor, at: this.now + waitMs, everyMs: isRepeated ? waitMs : undefined, run });
      return new VirtualTimer(id);
    };
    const clear =
      <T>(clearReal: (timer: T) => void) =>
      (timer: unknown): void => {
        if (!(timer instanceof VirtualTimer)) return clearReal(timer as T);
        this.#timers.delete(timer.id);
        this.#immediates = this.#immediates.filter(({ id }) => id !== timer.id);
        return undefined;
      };
    type Run = (...args: unknown[]) => void;
    const isSimulated = (): boolean => actorContext.getStore() !== undefined;
    const bytes = <T extends ArrayBufferView>(into: T): T => {
      new Uint8Array(into.buffer, into.byteOffset, into.byteLength).forEach((_byte, index, all) => {
        all[index] = this.#random.int(0, 255);
      });
      return into;
    };
    const replaced = {
      setTimeout: (run: Run, ms?: number, ...args: unknown[]) =>
        add(() => run(...args), ms, false) ?? real.setTimeout(run, ms, ...args),
      setInterval: (run: Run, ms?: number, ...args: unknown[]) =>
        add(() => run(...args), ms, true) ?? real.setInterval(run, ms, ...args),
      setImmediate: (run: Run, ...args: unknown[]) => {
        const actor = actorContext.getStore()?.actor;
        if (actor === undefined) return real.setImmediate(run, ...args);
        const id = this.#nextId++;
        this.#immediates.push({ id, actor, run: () => run(...args) });
        return new VirtualTimer(id);
      },
      clearTimeout: clear(real.clearTimeout),
      clearInterval: clear(real.clearInterval),
      clearImmediate: clear(real.clearImmediate),
    };
    Object.assign(globalThis, replaced);
    Object.assign(Date, { now: () => (isSimulated() ? epochMs + this.now : real.dateNow()) });
    Object.assign(performance, { now: () => (isSimulated() ? this.now : real.performanceNow()) });
    Object.assign(Math, { random: () => (isSimulated() ? this.#random.next() : real.random()) });
    Object.assign(AbortSignal, {
      timeout: (ms: number) => {
        if (!isSimulated()) return real.abortTimeout(ms);
        const abort = new AbortController();
        setTimeout(() => abort.abort(), ms);
        return abort.signal;
      },
    });
    Object.assign(globalThis.crypto, {
      getRandomValues: <T extends Uint8Array<ArrayBuffer>>(into: T) =>
        isSimulated() ? bytes(into) : real.getRandomValues(into),
    });
    crypto.randomUUID = (options) => (isSimulated() ? seededUuid(this.#random) : real.randomUUID(options));
    syncBuiltinESMExports();
    return { [Symbol.dispose]: restore };
  }
}

/** A random UUID that the seed decides. */
export function seededUuid(random: TestRandom): `${string}-${string}-${string}-${string}-${string}` {
  const hex = (digits: number): string => Array.from({ length: digits }, () => random.int(0, 15).toString(16)).join('');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`;
}

function restore(): void {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate } = real;
  Object.assign(globalThis, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate });
  Object.assign(Date, { now: real.dateNow });
  Object.assign(performance, { now: real.performanceNow });
  Object.assign(Math, { random: real.random });
  Object.assign(AbortSignal, { timeout: real.abortTimeout });
  Object.assign(globalThis.crypto, { getRandomValues: real.getRandomValues });
  crypto.randomUUID = real.randomUUID;
  syncBuiltinESMExports();
}
