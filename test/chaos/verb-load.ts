import type { Reeve } from '../../src/index.ts';

/**
 * What players ask for: it counts, and schedules a verb that counts as well. Both counts are writes of the task's own
 * transaction, so they say how often it has really happened.
 */
export const countingCode = `
  context.player.counted = context.player.counted + 1;
  invoke(context.player.verb('note'));`;

/** Makes the world in which it is counted; the process needs a sandbox for it. */
export async function makeCountingWorld(reeve: Reeve): Promise<void> {
  await reeve.world.init();
  const worker = await reeve.startWorker({ queues: { verbs: 1 } });
  const { error } = await reeve.world.code(
    'Wizard',
    `context.player.counted = 0; context.player.noted = 0;
     context.player.addVerb('note', 'this.noted = this.noted + 1')`,
  );
  await worker.stop();
  if (error !== null) throw new Error(`the world of the chaos run was not made: ${error.message}`);
}

/** Verbs have a hard time limit and a sandbox that dies with its worker: they may fail, and then nothing was written. */
export const verbVerdicts: Readonly<Record<string, string>> = {
  'a verb task has happened once where it succeeded, and not at all where it failed': `SELECT * FROM (
    SELECT (SELECT count(*)::integer FROM reeve.execution
        WHERE executor = 'verbs.parseCode' AND context ? 'request' AND state = 'succeeded') AS succeeded,
      (SELECT value::text::integer FROM reeve.moo_property WHERE name = 'counted') AS counted,
      (SELECT count(*)::integer FROM reeve.execution WHERE executor = 'verbs.invokeVerb') AS scheduled,
      (SELECT count(*)::integer FROM reeve.execution
        WHERE executor = 'verbs.invokeVerb' AND state = 'succeeded') AS "ranScheduled",
      (SELECT value::text::integer FROM reeve.moo_property WHERE name = 'noted') AS noted) AS v
    WHERE succeeded <> counted OR scheduled <> counted OR "ranScheduled" <> noted`,
};
