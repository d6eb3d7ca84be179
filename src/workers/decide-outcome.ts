import { backoffMs } from '../core/backoff.ts';
import { toJson, type JsonLimits } from '../core/json.ts';
import { storeError, type StoredError } from '../core/stored-error.ts';
import type { ClaimedStep } from '../executions/claimed-step.ts';
import type { StepOutcome } from '../executions/step-outcome.ts';
import type { HandlerAnswer } from '../tasks/step-handler.ts';

/** What is left to write; `completed` is written already. */
export type OpenAnswer = Exclude<HandlerAnswer, { readonly kind: 'completed' }>;

/** What the answer of a handler means for its step; a result that cannot be stored is a lasting failure. */
export function outcomeOfAnswer(step: ClaimedStep, answer: OpenAnswer, limits: JsonLimits): StepOutcome {
  if (answer.kind !== 'succeeded') return answer;
  try {
    const subject = `The result of step ${step.position + 1} "${step.description}"`;
    const result = toJson(answer.result, subject, limits, 'RESULT_NOT_JSON');
    return {
      kind: 'succeeded',
      result,
      ...(answer.poll === undefined ? {} : { poll: answer.poll }),
      ...(answer.added === undefined ? {} : { added: answer.added }),
    };
  } catch (error) {
    return { kind: 'failed', error: storeError(error) };
  }
}

/**
 * What a thrown thing means: try again later, or fail. Marked as passing (`retryable: true`): tried again by any
 * policy; marked as lasting (`retryable: false`): never; unmarked: only where the step has a retry policy of its own.
 */
export function outcomeOfError(step: ClaimedStep, thrown: unknown): StepOutcome {
  return outcomeOfStoredError(step, storeError(thrown));
}

export function outcomeOfStoredError(step: ClaimedStep, error: StoredError): StepOutcome {
  const { retry } = step.policy;
  const wanted = error.retryable || retry.retries === 'always' || (retry.retries === 'any' && !error.permanent);
  if (!wanted || step.attempt >= step.maxAttempts) return { kind: 'failed', error };
  return { kind: 'retry', error, delayMs: backoffMs(retry, step.attempt) };
}
