import { userError } from '../world/verb-error.ts';
import type { VerbInvocation } from './scheduling.ts';
import type { VerbTask } from './verb-task.ts';

const throttledMs = 60_000;

type Wanted = Pick<VerbInvocation, 'caller' | 'this' | 'verb' | 'args' | 'kwargs' | 'callback'>;

/** What is asked for, with whom it is counted against and how far its chain has come. */
export function invocationOf(task: VerbTask, wanted: Wanted): VerbInvocation {
  const { player, account, root, hops } = task.setting;
  return { ...wanted, player, account, root, hops: hops + 1, periodic: false };
}

/**
 * Writes a task into the ledger, in this task's transaction: it is there exactly if this one commits. Within the limits
 * on chains and accounts, so that tasks that start tasks come to an end.
 */
export async function startVerb(task: VerbTask, wanted: Wanted, delayMs: number): Promise<void> {
  const { scheduling, limits, account, root } = task.setting;
  const { connection, schema } = task.world;
  const invocation = invocationOf(task, wanted);
  if (invocation.hops > limits.hops) throw userError(`A chain of tasks has at most ${limits.hops} links.`);
  const { rows } = await connection.query<{ live: number; recent: number }>(
    `SELECT (SELECT count(*)::int FROM ${schema}.execution WHERE active AND executor = 'verbs.invokeVerb'
         AND (input->>'account')::integer = $1) AS live,
       (SELECT count(*)::int FROM ${schema}.execution WHERE executor = 'verbs.invokeVerb' AND input->>'root' = $2
         AND created_at > ${schema}.clock() - interval '1 minute') AS recent`,
    [account, root],
  );
  const { live = 0, recent = 0 } = rows[0] ?? {};
  if (live >= limits.liveTasks) throw userError(`You have ${live} tasks that have not ended; wait for some of them.`);
  const isThrottled = recent >= limits.chainPerMinute;
  await scheduling.start(connection, invocation, isThrottled ? Math.max(delayMs, throttledMs) : delayMs);
  task.hasScheduled = true;
}
