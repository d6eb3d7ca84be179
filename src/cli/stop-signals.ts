import { constants } from 'node:os';
import { exitCodes } from './exit-codes.ts';

/** The wish of a user, or of the system, that this process ends. */
export interface StopSignal {
  /** Resolves with the name of the first signal; never rejects. */
  readonly asked: Promise<string>;
  isAsked(): boolean;
}

type Signal = 'SIGINT' | 'SIGTERM';

/** A command that does not listen for a stop ends at once, as it does on a signal. */
let onForwarded = (signal: Signal): void => process.exit(128 + constants.signals[signal]);

/**
 * Obeys bin/reeve.js where it had to start this process with a newer Node: it passes on what it gets, and its own end is
 * a SIGTERM. Called once, before any command.
 */
export function followLauncher(): void {
  const isRelaunched = process.env['REEVE_RELAUNCHED'] === '1' && process.connected;
  delete process.env['REEVE_RELAUNCHED'];
  if (!isRelaunched) return;
  process.on('message', (signal) => onForwarded(signal as Signal));
  process.once('disconnect', () => onForwarded('SIGTERM'));
}

/**
 * Listens for SIGINT and SIGTERM. The first is for the caller to act on; the second ends the process at once with exit
 * code 1, and what it did is left to the leases. A signal that comes both directly and by the launcher counts once.
 */
export function listenForStop(): StopSignal {
  const { promise, resolve } = Promise.withResolvers<string>();
  const counts = { direct: 0, forwarded: 0 };
  const count = (way: keyof typeof counts, signal: string): void => {
    counts[way] += 1;
    if (counts[way] > 1) process.exit(exitCodes.failure);
    resolve(signal);
  };
  process.on('SIGINT', () => count('direct', 'SIGINT'));
  process.on('SIGTERM', () => count('direct', 'SIGTERM'));
  onForwarded = (signal) => count('forwarded', signal);
  return { asked: promise, isAsked: () => counts.direct + counts.forwarded > 0 };
}
