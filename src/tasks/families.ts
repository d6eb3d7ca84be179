import { callBackend } from './backend-call.ts';
import { pollHandler } from './poll-handler.ts';
import type { StepHandler } from './step-handler.ts';

/** The tasks that Reeve brings: what `call`, `poll`, `transition`, `deletion` and the end of a plan are made of. */
export const families: ReadonlyMap<string, StepHandler> = new Map<string, StepHandler>([
  ['reeve.call', async (run) => ({ kind: 'succeeded', result: await callBackend(run) })],
  ['reeve.callIndependent', async (run) => ({ kind: 'succeeded', result: await callBackend(run, true) })],
  ['reeve.poll', pollHandler],
  /** What it does stands in the effects of the step and is written by its completion. */
  ['reeve.effects', async () => ({ kind: 'succeeded', result: null })],
  ['reeve.join', async () => ({ kind: 'succeeded', result: null })],
]);
