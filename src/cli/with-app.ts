import type { Command } from 'commander';
import { ReeveError } from '../core/errors.ts';
import type { Reeve } from '../reeve.ts';
import { exitCodes } from './exit-codes.ts';
import { findConfig } from './find-config.ts';
import { globalOptions, type GlobalOptions } from './global-options.ts';
import { closeApp, loadApp, type App } from './load-app.ts';

const connectTimeoutMs = 15_000;

/** Runs a command on the app that it names, closes the app whatever happens, and keeps the exit code for the end. */
export async function withApp(
  command: Command,
  work: (app: App, options: GlobalOptions) => Promise<number | undefined>,
): Promise<void> {
  const options = globalOptions(command);
  const app = await loadApp(findConfig(options.app));
  try {
    process.exitCode = (await work(app, options)) ?? exitCodes.ok;
  } finally {
    await closeApp(app);
  }
}

/**
 * Connects, but does not wait for a server that swallows packets as long as the system would.
 *
 * @throws LEDGER_UNAVAILABLE after 15 s.
 */
export async function connect(reeve: Reeve): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const message = `PostgreSQL does not answer within ${connectTimeoutMs / 1_000} s`;
    late.reject(new ReeveError('LEDGER_UNAVAILABLE', message, { retryable: true }));
  }, connectTimeoutMs);
  try {
    await Promise.race([reeve.ready(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
