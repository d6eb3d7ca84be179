import { setTimeout as pause } from 'node:timers/promises';

export interface EventuallyOptions {
  readonly timeoutMs?: number;
  readonly pauseMs?: number;
}

/**
 * Repeats `assertion` until it passes and returns its value; after the deadline it fails with the last failure.
 *
 * Only for what cannot be awaited otherwise: a `TestSignal` is faster and says more.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 30_000, pauseMs = 25 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let tries = 1; ; tries += 1) {
    try {
      return await assertion();
    } catch (failure) {
      if (performance.now() >= deadline) {
        const last = Error.isError(failure) ? failure.message : String(failure);
        throw new Error(`not so after ${timeoutMs} ms and ${tries} tries; the last failure:\n${last}`, {
          cause: failure,
        });
      }
    }
    await pause(pauseMs);
  }
}
