import { setTimeout as pause } from 'node:timers/promises';
import { formatMs } from '../core/duration.ts';
import type { Reeve } from '../reeve.ts';
import type { WorkerHandle } from '../reeve-worker.ts';
import { checkBroker } from './check-broker.ts';
import { bannerText, workerBanner } from './describe-app.ts';
import { exitCodes } from './exit-codes.ts';
import { loadedFrom, type App } from './load-app.ts';
import { untilWornOut, type RecycleLimits } from './recycle.ts';
import { stepsUnderWay } from './steps-under-way.ts';
import { clip, notice, printJson, printLine } from './terminal.ts';

const idleCheckMs = 200;
const shownSteps = 5;

export interface ServeOptions {
  readonly queues: Readonly<Record<string, number>>;
  readonly json: boolean;
  /** Resolves when the worker is to stop. */
  readonly stopAsked: Promise<string>;
  /** Whether the worker also stops once nothing is ready, running or delayed on its queues. */
  readonly burst: boolean;
  readonly limits: RecycleLimits;
}

/** Runs a worker from its banner to its graceful stop, and answers the exit code: 75 when steps were left behind. */
export async function serveQueues({ file, reeve }: App, options: ServeOptions): Promise<number> {
  await checkBroker(reeve.options.redis);
  const handle = await reeve.startWorker({ queues: options.queues, loadedFrom: loadedFrom(file) });
  const banner = workerBanner({ file, reeve }, handle.id, options.queues);
  if (options.json) printJson(banner);
  else printLine(bannerText(banner));
  const done = new AbortController();
  const idle = options.burst ? untilIdle(reeve, Object.keys(options.queues), done.signal) : [];
  const wornOut = untilWornOut(handle, options.limits, done.signal);
  const why = await Promise.race([options.stopAsked, wornOut, ...[idle].flat()]);
  done.abort();
  return stop(reeve, handle, why);
}

/** Looks at the ledger until nothing is left to do, or until it is told that nobody waits any more. */
async function untilIdle(reeve: Reeve, served: readonly string[], signal: AbortSignal): Promise<string> {
  while (!signal.aborted) {
    const { queues } = await reeve.status();
    const isBusy = queues.some(
      ({ name, ready, running, delayed }) => served.includes(name) && ready + running + delayed > 0,
    );
    if (!isBusy) return 'idle queues';
    await pause(idleCheckMs, undefined, { signal }).catch(() => undefined);
  }
  return 'stop';
}

async function stop(reeve: Reeve, handle: WorkerHandle, why: string): Promise<number> {
  // What is said must not keep the worker from stopping when the database is away.
  const stopping = handle.stop();
  const running = await stepsUnderWay(reeve, handle.id).catch(() => []);
  if (running.length > 0) {
    const names = running.slice(0, shownSteps).map((step) => `"${clip(step.description, 60)}" (${step.executionId})`);
    const more = running.length > shownSteps ? ` and ${running.length - shownSteps} more` : '';
    const wait = formatMs(reeve.options.drainMs);
    notice(
      `${why}: waiting up to ${wait} for ${running.length === 1 ? '1 step' : `${running.length} steps`}: ${names.join(', ')}${more}; a second signal ends at once`,
    );
  } else {
    notice(`${why}: no step runs, stopping`);
  }
  await stopping;
  const left = await stepsUnderWay(reeve, handle.id).catch(() => []);
  if (left.length === 0) return exitCodes.ok;
  notice(`${left.length} did not end in time; other workers take them when their lease is over`);
  return exitCodes.tryLater;
}
