import { spawn, type SpawnOptions } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { errorCode } from './process-table.ts';
import type { ServerAccount } from './server-account.ts';

const keptOutput = 4_000;
const stopSteps = [
  { signal: 'SIGINT', waitMs: 60_000 },
  { signal: 'SIGQUIT', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 10_000 },
] as const;

/** A process of PostgreSQL; it may end at any time. */
export interface ServerProcess {
  readonly pid: number;
  /** Resolves with how it ended: `exit code 1`, `signal SIGKILL`. */
  readonly ended: Promise<string>;
  hasEnded(): boolean;
  /** The last 4,000 characters that it wrote. */
  output(): string;
  /** Asks for a fast stop (open transactions are rolled back), and forces it after 60 s. */
  stop(): Promise<void>;
}

/** Starts a program of PostgreSQL as the given user. It never throws: a program that cannot run has ended. */
export function launch(program: string, args: readonly string[], account: ServerAccount | undefined): ServerProcess {
  const options: SpawnOptions = {
    // The present folder may be closed to the server's user, or be removed while the server runs.
    cwd: process.platform === 'win32' ? undefined : '/',
    // Messages in English: they are read here. Logs and new databases in UTC.
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
  };
  const child = spawn(program, args, options);
  let output = '';
  let end: string | undefined;
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-keptOutput);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => {
      const hint =
        errorCode(error) === 'ENOENT' && process.platform === 'linux'
          ? ' (the programs need glibc, which Alpine lacks; set DATABASE_URL to a server of your own)'
          : '';
      end ??= `${error.message}${hint}`;
      resolve(end);
    });
    child.once('close', (code, signal) => {
      end ??= signal === null ? `exit code ${String(code)}` : `signal ${signal}`;
      resolve(end);
    });
  });
  const stop = async (): Promise<void> => {
    for (const { signal, waitMs } of stopSteps) {
      if (end !== undefined) return;
      child.kill(signal);
      await Promise.race([ended, pause(waitMs, undefined, { ref: false })]);
    }
  };
  return { pid: child.pid ?? -1, ended, hasEnded: () => end !== undefined, output: () => output.trim(), stop };
}
