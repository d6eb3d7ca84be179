import { ReeveError } from '../core/errors.ts';
import { formatMs } from '../core/duration.ts';
import { canonicalJson, toJson, type JsonValue } from '../core/json.ts';
import { errorJson, storeError } from '../core/stored-error.ts';
import type { PollPolicy } from '../executions/step-plan.ts';
import { callBackend, methodCall } from './backend-call.ts';
import type { HandlerAnswer, StepHandler, StepRun } from './step-handler.ts';

/** What a poll remembers between two looks, in its step. */
interface PollMemory {
  readonly looks: number;
  readonly errorsInARow: number;
  readonly lastSeen: JsonValue;
}

/**
 * One look of a poll: done, failed, gone, or look again later. Errors that are marked as transient are borne a few
 * times in a row. The time limit runs from the first look, by the clock of the database.
 */
export const pollHandler: StepHandler = async (run) => {
  const policy = run.step.policy.poll;
  if (policy === null) throw new ReeveError('EXECUTION_CORRUPT', 'a poll without a poll policy');
  const memory = (run.step.poll ?? { looks: 0, errorsInARow: 0, lastSeen: null }) as unknown as PollMemory;
  const method = methodCall(run).method;
  try {
    const seen = toJson(await callBackend(run), `What "${method}" answered`);
    return look(run, policy, { looks: memory.looks + 1, errorsInARow: 0, lastSeen: seen }, method);
  } catch (error) {
    const stored = storeError(error);
    const next = { looks: memory.looks + 1, errorsInARow: memory.errorsInARow + 1, lastSeen: memory.lastSeen };
    if (!stored.retryable || next.errorsInARow > policy.tolerate) throw error;
    const answer = again(run, policy, next, method);
    return answer.kind === 'again'
      ? { ...answer, error: stored }
      : { ...answer, poll: { ...next, error: errorJson(stored) } };
  }
};

function look(run: StepRun, policy: PollPolicy, memory: PollMemory, method: string): HandlerAnswer {
  const poll = { ...memory };
  const is = (candidates: readonly JsonValue[]): boolean =>
    candidates.some((candidate) => canonicalJson(candidate) === canonicalJson(memory.lastSeen));
  const fail = (code: 'POLL_FAILED' | 'BACKEND_NOT_FOUND', what: string): HandlerAnswer => {
    const message = `"${method}" answered ${JSON.stringify(memory.lastSeen)}, which means ${what}; ${waitedFor(policy)}`;
    return { kind: 'failed', error: storeError(new ReeveError(code, message)), poll };
  };
  if (is(policy.until)) return { kind: 'succeeded', result: memory.lastSeen, poll };
  if (is(policy.goneOn)) return fail('BACKEND_NOT_FOUND', 'that the object is gone');
  if (is(policy.failOn)) return fail('POLL_FAILED', 'failure');
  return again(run, policy, memory, method);
}

function again(
  run: StepRun,
  policy: PollPolicy,
  memory: PollMemory,
  method: string,
): HandlerAnswer & { kind: 'again' | 'failed' } {
  const elapsedMs = run.step.claimedAt.getTime() - run.step.startedAt.getTime();
  const growth = 2 ** Math.min(memory.looks - 1, 20);
  const delayMs = Math.min(policy.everyMs * growth, policy.maxEveryMs);
  const poll = { ...memory };
  if (elapsedMs < policy.timeoutMs) {
    return { kind: 'again', poll, delayMs: Math.min(delayMs, Math.max(policy.timeoutMs - elapsedMs, 1)) };
  }
  const error = new ReeveError(
    'POLL_TIMED_OUT',
    `"${method}" did not answer what was waited for within ${formatMs(policy.timeoutMs)}: ${waitedFor(policy)}, last seen ${JSON.stringify(memory.lastSeen)} after ${memory.looks} looks`,
  );
  return { kind: 'failed', error: storeError(error), poll };
}

function waitedFor(policy: PollPolicy): string {
  return `waited for ${policy.until.map((value) => JSON.stringify(value)).join(' or ')}`;
}
