import { exitCodes } from './exit-codes.ts';

/** The wish of a user, or of the system, that this process ends. */
export interface StopSignal {
  /** Resolves with the name of the first signal; never rejects. */
  readonly asked: Promise<string>;
  isAsked(): boolean;
}

/**
 * Listens for SIGINT and SIGTERM. The first is for the caller to act on; the second ends the process at once with exit
 * code 1, and what it did is left to the leases.
 */
export function listenForStop(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<string>();
  let isAsked = false;
  const onSignal = (signal: string): void => {
    if (isAsked) process.exit(exitCodes.failure);
    isAsked = true;
    resolve(signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // Under an older Node, bin/reeve.js is the parent; when it was killed nobody can stop this process any more.
  if (process.env['REEVE_RELAUNCHED'] === '1' && process.connected) {
    process.once('disconnect', () => onSignal('the end of the parent process'));
  }
  return { asked: promise, isAsked: () => isAsked };
}
