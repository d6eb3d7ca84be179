import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { WorkerHandle } from '../reeve-worker.ts';
import { listenForStop } from './stop-signals.ts';
import { notice } from './terminal.ts';

/** When a worker process is replaced by a fresh one. */
export interface RecycleLimits {
  /** After so many steps. */
  readonly maxTasks?: number;
  /** When its resident memory is above so many megabytes. */
  readonly maxMemory?: number;
}

const marker = 'REEVE_RECYCLED';
const lookEveryMs = 250;
const bytesPerMb = 1_048_576;

/** Whether this process has somebody who starts it anew. */
export function isRecycled(): boolean {
  return process.env[marker] === '1' && process.connected;
}

/**
 * Runs the same command in a process of its own, and again whenever that one has reached a limit, until this one is told
 * to stop. Signals are passed on; this process holds nothing that wears out, so whoever watches its id sees one worker.
 *
 * @returns The exit code of the last one.
 */
export async function runRecycled(): Promise<number> {
  const stop = listenForStop();
  for (;;) {
    const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...process.env, [marker]: '1', REEVE_RELAUNCHED: '1' },
    });
    let isWornOut = false;
    child.on('message', () => (isWornOut = true));
    const passOn = (signal: string): void => {
      if (child.connected) child.send(signal, () => undefined);
    };
    stop.asked.then(passOn, () => undefined);
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (!isWornOut || stop.isAsked()) return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  }
}

/** Resolves with the limit that the worker has reached, having told whoever starts it anew; never where it has none. */
export async function untilWornOut(
  handle: WorkerHandle,
  { maxTasks = Infinity, maxMemory = Infinity }: RecycleLimits,
  signal: AbortSignal,
): Promise<string> {
  if (maxTasks === Infinity && maxMemory === Infinity) return new Promise(() => undefined);
  while (!signal.aborted) {
    const usedMb = Math.round(process.memoryUsage.rss() / bytesPerMb);
    const why =
      handle.finished >= maxTasks ? `${handle.finished} steps` : usedMb > maxMemory ? `${usedMb} MB in use` : undefined;
    if (why !== undefined) {
      process.send?.('worn out');
      notice(`${why}: a fresh process takes over`);
      return why;
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs).unref());
  }
  return new Promise(() => undefined);
}
