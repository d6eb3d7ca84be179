import { withDeadline } from './deferred.ts';

/**
 * Something the code under test does and the test waits for, instead of sleeping.
 *
 * Every `fire` is kept until a `wait` takes it, in order, so a signal that is fired before the test waits is not lost.
 */
export class TestSignal<T = void> {
  readonly #name: string;
  readonly #fired: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  constructor(name = 'the signal') {
    this.#name = name;
  }

  /** How many values were fired and not yet taken. */
  get pending(): number {
    return this.#fired.length;
  }

  fire(value: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#fired.push(value);
    else waiter(value);
  }

  async wait(timeoutMs = 30_000): Promise<T> {
    const [first] = this.#fired.splice(0, 1).map((value) => ({ value }));
    if (first !== undefined) return first.value;
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#waiting.push(resolve);
    try {
      return await withDeadline(promise, timeoutMs, this.#name);
    } catch (failure) {
      this.#waiting.splice(this.#waiting.indexOf(resolve), 1);
      throw failure;
    }
  }
}
