import type { ChaosApp } from './chaos-app.ts';

export type Figures = Readonly<Record<string, number>>;

/** What a run has done, in both databases. */
export async function countFigures({ dataSource, outside }: ChaosApp): Promise<Figures> {
  const [ledger] = await dataSource.query<Record<string, number>[]>(
    `SELECT (SELECT count(*)::integer FROM reeve.execution) AS executions,
       (SELECT count(*)::integer FROM reeve.step WHERE state = 'succeeded') AS steps,
       (SELECT count(*)::integer FROM reeve.attempt WHERE outcome = 'crashed') AS reaped,
       (SELECT count(*)::integer FROM reeve.schedule_fire) AS fires,
       (SELECT count(*)::integer FROM reeve.execution WHERE executor LIKE 'verbs.%' AND state = 'succeeded') AS verbs,
       (SELECT count(*)::integer FROM reeve.execution WHERE executor LIKE 'verbs.%' AND state = 'failed') AS "failedVerbs",
       (SELECT coalesce(sum(epoch - 1), 0)::integer FROM reeve.queue) AS epochs`,
  );
  const [world] = await outside.query<Record<string, number>>(
    `SELECT (SELECT count(*)::integer FROM effect) AS effects,
       (SELECT count(*)::integer FROM (SELECT 1 FROM effect GROUP BY key HAVING count(*) > 1) AS k) AS "repeatedEffects",
       (SELECT count(*)::integer FROM mark WHERE what = 'refused') AS "refusedEffects",
       (SELECT count(*)::integer FROM mark WHERE what = 'block') AS "hungWorkers",
       (SELECT count(*)::integer FROM request) AS requests,
       (SELECT count(*)::integer FROM request WHERE answer = 'rolled back') AS "rolledBack"`,
  );
  return { ...ledger, ...world };
}
