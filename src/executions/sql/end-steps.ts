import type { Connection } from '../connection.ts';
import type { StepPlace } from './advance-steps.ts';

/** A step that has succeeded; JSON texts, null where there is none. */
export interface SucceededStep extends StepPlace {
  readonly token: string;
  readonly result: string | null;
  readonly poll: string | null;
}

/**
 * Ends claims with success, and writes their attempts down; answers the tokens of those that it has ended. One whose token
 * is gone, or whose row somebody holds (a heartbeat), is passed over, so it waits for nobody. The caller has locked the
 * executions.
 */
export async function endSteps(connection: Connection, steps: readonly SucceededStep[]): Promise<Set<string>> {
  const { schema } = connection;
  const { rows } = await connection.query<{ token: string }>(
    `WITH mine AS MATERIALIZED (
       SELECT s.execution_id, s.position, s.fence, s.attempt, s.worker_id, s.claimed_at, w.token, w.result, w.poll, now.at
       FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::text[])
         AS w(execution_id, position, token, result, poll)
       JOIN ${schema}.step AS s ON s.execution_id = w.execution_id AND s.position = w.position,
         (SELECT ${schema}.clock() AS at) AS now
       WHERE (s.state = 'running') IS TRUE AND s.claim_token = w.token
       ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED),
     ${endedSql(schema, 'mine')}
     SELECT token FROM mine`,
    [
      steps.map(({ executionId }) => executionId),
      steps.map(({ position }) => position),
      steps.map(({ token }) => token),
      steps.map(({ result }) => result),
      steps.map(({ poll }) => poll),
    ],
  );
  return new Set(rows.map(({ token }) => token));
}

/** Ends the steps in `rows`, which are locked, and writes their attempts down: the parts `ended` and `recorded` of a statement. */
export function endedSql(schema: string, rows: string): string {
  return `ended AS (
       UPDATE ${schema}.step AS s
       SET state = 'succeeded', claim_token = NULL, lease_until = NULL, run_at = NULL, finished_at = m.at,
         result = m.result::jsonb, error = NULL, poll = m.poll::jsonb, progress = NULL
       FROM ${rows} AS m WHERE s.execution_id = m.execution_id AND s.position = m.position),
     recorded AS (
       INSERT INTO ${schema}.attempt
         (execution_id, position, fence, claim_token, number, worker_id, outcome, started_at, ended_at)
       SELECT m.execution_id, m.position, m.fence, m.token, m.attempt, m.worker_id, 'succeeded', m.claimed_at, m.at
       FROM ${rows} AS m)`;
}
