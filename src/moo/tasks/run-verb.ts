import type { MooValue } from '../world/values.ts';
import { userError } from '../world/verb-error.ts';
import type { VerbInvocation } from './scheduling.ts';
import { startVerb } from './start-verb.ts';
import type { VerbTask } from './verb-task.ts';

export interface InvocationResult {
  readonly result: MooValue;
}

/**
 * Runs a verb that was scheduled, and then starts its callback with the result, in the same transaction. The rights of
 * whoever scheduled it are looked at now: what was allowed then may be denied by now.
 */
export async function runInvocation(task: VerbTask, invocation: VerbInvocation): Promise<InvocationResult> {
  const { caller, callback } = invocation;
  if (invocation.periodic && !(await task.world.object(caller)).isWizard) {
    throw userError('Only wizards can have periodic tasks.');
  }
  const on = { self: invocation.this, name: invocation.verb };
  const result = await task.callVerb(caller, on, invocation.args, invocation.kwargs);
  task.checkFailure();
  if (callback !== null) {
    await startVerb(
      task,
      { caller, this: callback.this, verb: callback.verb, args: [result], kwargs: {}, callback: null },
      0,
    );
  }
  return { result };
}
