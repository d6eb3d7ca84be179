import { chainSteps, jobForEachStep, loneChain, whatEachPartBrings } from './questions/chains.ts';
import { scheduling, startAfterCommit } from './questions/scheduling.ts';
import { groupWithCallback, throttledKeys } from './questions/side-by-side.ts';
import { growth, idleWorker, memory, planSize, twoWorkers } from './questions/steadiness.ts';
import { verbCommands } from './questions/verbs.ts';
import type { Bench, Row } from './measure.ts';

/** By the name that `--only` takes. */
export const questions: Readonly<Record<string, (bench: Bench) => Promise<Row[]>>> = {
  chains: chainSteps,
  jobs: jobForEachStep,
  lone: loneChain,
  parts: whatEachPartBrings,
  start: startAfterCommit,
  scheduling,
  group: groupWithCallback,
  throttle: throttledKeys,
  idle: idleWorker,
  plan: planSize,
  workers: twoWorkers,
  verbs: verbCommands,
  memory,
  growth,
};
