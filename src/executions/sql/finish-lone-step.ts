import type { JsonValue } from '../../core/json.ts';
import type { ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/**
 * The whole completion of a step that is the only one of its execution and has succeeded, in one statement: the step, its
 * attempt, the join behind it, the end of the execution, its event. Locks the execution by primary key, then the step.
 *
 * False, with nothing written, unless the execution runs, has no resources, rules, parent and other steps, and the token
 * holds the step: the ordinary completion finds out why.
 */
export async function finishLoneStep(connection: Connection, step: ClaimedStep, result: JsonValue): Promise<boolean> {
  const { schema } = connection;
  const { rows } = await connection.query<{ done: boolean }>(
    `WITH lone AS MATERIALIZED (
       SELECT e.id, ${schema}.clock() AS at FROM ${schema}.execution AS e
       WHERE e.id = $1 AND e.state = 'running' AND e.parent_id IS NULL AND e.resource_type IS NULL
         AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource AS r WHERE r.execution_id = $1)
         AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_rule AS r WHERE r.execution_id = $1)
         AND NOT EXISTS (SELECT 1 FROM ${schema}.step AS o WHERE o.execution_id = $1 AND o.position <> $2
           AND NOT (o.position = $5 AND o.kind = 'join' AND o.state = 'pending' AND o.open_predecessors = 1
             AND cardinality(o.next) = 0 AND o.effects = '{}'))
       FOR UPDATE OF e),
     ended AS (
       UPDATE ${schema}.step AS s SET state = 'succeeded', claim_token = NULL, lease_until = NULL, run_at = NULL,
         waiting_for = NULL, finished_at = lone.at, result = $4::jsonb, error = NULL, progress = NULL
       FROM lone WHERE s.execution_id = $1 AND s.position = $2 AND s.claim_token = $3 AND s.state = 'running'
       RETURNING s.claimed_at, s.fence, s.attempt, s.worker_id, lone.at),
     noted AS (
       INSERT INTO ${schema}.attempt
         (execution_id, position, fence, claim_token, number, worker_id, outcome, polls, started_at, ended_at)
       SELECT $1, $2, fence, $3, attempt, worker_id, 'succeeded', 0, claimed_at, at FROM ended),
     joined AS (
       UPDATE ${schema}.step AS j SET state = 'succeeded', open_predecessors = 0, started_at = ended.at,
         finished_at = ended.at
       FROM ended WHERE j.execution_id = $1 AND j.position = $5),
     told AS (
       INSERT INTO ${schema}.event (at, kind, execution_id, data)
       SELECT at, 'execution.succeeded', $1, '{}' FROM ended)
     UPDATE ${schema}.execution AS e SET state = 'succeeded', error = NULL, finished_at = ended.at
     FROM ended WHERE e.id = $1 RETURNING true AS done`,
    [step.executionId, step.position, step.token, result === null ? null : JSON.stringify(result), step.next[0] ?? -1],
  );
  return rows[0]?.done === true;
}
