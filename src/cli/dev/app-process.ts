import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '../exit-codes.ts';

/** What the process of the app is told on its command line, as JSON. */
export interface AppProcessOptions {
  /** The config, absolute. */
  readonly file: string;
  readonly json: boolean;
  readonly showStack: boolean;
  /** Whether DATABASE_URL, which has a password and so stays off the command line, is the embedded database. */
  readonly isEmbedded: boolean;
}

export const stopMessage = 'stop';

/** One run of the app: from the import of its config to its graceful stop. */
export interface AppProcess {
  /** Resolves with the exit code; a process that a signal ended counts as failed. */
  readonly ended: Promise<number>;
  /** Asks it to finish what runs, and waits for its end. */
  stop(): Promise<number>;
}

/**
 * Starts the app in a process of its own, so that a reload begins with fresh modules and nothing of the old run is left.
 * It ends with this process, however this one ends; a Ctrl+C in the terminal is left to this process.
 */
export function startAppProcess(options: AppProcessOptions): AppProcess {
  const here = fileURLToPath(import.meta.url);
  const main = path.join(path.dirname(here), `app-process-main${path.extname(here)}`);
  const child = fork(main, [JSON.stringify(options)], { stdio: 'inherit' });
  const { promise, resolve } = Promise.withResolvers<number>();
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const onEnd = (code: number): void => {
    process.off('exit', killWithUs);
    resolve(code);
  };
  child.once('exit', (code) => onEnd(code ?? exitCodes.failure));
  child.once('error', () => {
    if (child.pid === undefined) onEnd(exitCodes.failure);
  });
  return {
    ended: promise,
    stop() {
      // A failed send is seen as its end, which is waited for anyway.
      if (child.connected) child.send(stopMessage, () => undefined);
      return promise;
    },
  };
}
