import { ReeveError } from '../core/errors.ts';
import { isEnded } from '../executions/states.ts';
import { callBackend } from './backend-call.ts';
import { pollHandler } from './poll-handler.ts';
import type { StepHandler } from './step-handler.ts';

/** How long a gate is left to workers of the build that made its plan, before it is looked at again. */
const otherBuildDelayMs = 1_000;

/** For steps whose meaning stands in their place and effects, and is written by their completion. */
const nothing: StepHandler = async () => ({ kind: 'succeeded', result: null });

/** The tasks that Reeve brings: what `call`, `poll`, `transition`, `deletion` and the end of a plan are made of. */
export const families: ReadonlyMap<string, StepHandler> = new Map<string, StepHandler>([
  ['reeve.call', async (run) => ({ kind: 'succeeded', result: await callBackend(run) })],
  ['reeve.callIndependent', async (run) => ({ kind: 'succeeded', result: await callBackend(run, true) })],
  ['reeve.poll', pollHandler],
  ['reeve.effects', nothing],
  [
    'reeve.gate',
    async (run) => {
      const decision = await run.decide();
      if (decision === undefined) return { kind: 'again', delayMs: otherBuildDelayMs, poll: run.step.poll };
      return { kind: 'succeeded', result: decision };
    },
  ],
  [
    'reeve.expand',
    async (run) => {
      const expanded = await run.expand();
      if (expanded === undefined) return { kind: 'again', delayMs: otherBuildDelayMs, poll: run.step.poll };
      return { kind: 'succeeded', result: expanded.data, added: expanded.steps };
    },
  ],
  [
    'reeve.child',
    async (run) => {
      const child = await run.child();
      if (child === undefined) return { kind: 'again', delayMs: otherBuildDelayMs, poll: run.step.poll };
      if (child.state === 'succeeded') return { kind: 'succeeded', result: child.result };
      if (!isEnded(child.state)) return { kind: 'await', childId: child.executionId };
      const cause = child.error === null ? child.state : `${child.state}: ${child.error.message}`;
      throw new ReeveError('CHILD_FAILED', `${child.name} (execution ${child.executionId}) ${cause}`);
    },
  ],
  [
    'reeve.permit',
    async (run) => {
      throw new ReeveError(
        'EXECUTION_CORRUPT',
        `step ${run.step.position + 1} waits for permits, and was given to a worker`,
      );
    },
  ],
  ['reeve.release', nothing],
  ['reeve.join', nothing],
]);
