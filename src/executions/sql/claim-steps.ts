import { claimedColumns, claimedStep, type ClaimedRow, type ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';
import type { ClaimParams } from './claim-step.ts';

/** What one process claims at the same time: the same worker, build and lease for all. */
export type ClaimWish = Pick<ClaimParams, 'executionId' | 'position' | 'delivery' | 'token'>;
export type Claimant = Pick<ClaimParams, 'workerId' | 'leaseMs' | 'tasks' | 'resourceTypes' | 'loneFrom'>;

/**
 * Many claims in one statement, by token. A row that somebody holds is passed over, so it waits for nobody; what is missing
 * from the answer may be claimed alone.
 *
 * The rows are found by their keys: written as `state = 'ready'` the condition would let the planner walk the index of all
 * ready steps, however many there are.
 */
export async function claimSteps(
  connection: Connection,
  wishes: readonly ClaimWish[],
  { workerId, leaseMs, tasks, resourceTypes, loneFrom }: Claimant,
): Promise<ReadonlyMap<string, ClaimedStep>> {
  const { schema } = connection;
  const { rows } = await connection.query<ClaimedRow>(
    `WITH wanted AS MATERIALIZED (
       SELECT s.execution_id, s.position, w.token FROM ${schema}.step AS s
       JOIN unnest($1::uuid[], $2::integer[], $3::integer[], $4::uuid[]) AS w(execution_id, position, delivery, token)
         ON s.execution_id = w.execution_id AND s.position = w.position AND s.delivery = w.delivery
       JOIN ${schema}.execution AS e ON e.id = s.execution_id
       WHERE (s.state = 'ready') IS TRUE AND s.task = ANY ($7) AND NOT s.begins AND s.crashes < $9
         AND (e.state = 'running') IS TRUE
         AND NOT EXISTS (SELECT 1 FROM ${schema}.queue q WHERE q.name = s.queue AND q.paused_at IS NOT NULL)
         AND (e.resource_type IS NULL OR e.resource_type = ANY ($8))
         AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource r
           WHERE r.execution_id = e.id AND r.resource_type <> ALL ($8))
       ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED)
     UPDATE ${schema}.step AS s
     SET state = 'running', claim_token = wanted.token, fence = s.fence + 1, attempt = s.attempt + 1, worker_id = $5,
       claimed_at = now.at, started_at = coalesce(s.started_at, now.at),
       lease_until = now.at + $6 * interval '1 millisecond'
     FROM wanted JOIN ${schema}.execution AS e ON e.id = wanted.execution_id, (SELECT ${schema}.clock() AS at) AS now
     WHERE s.execution_id = wanted.execution_id AND s.position = wanted.position
     RETURNING ${claimedColumns(connection)}`,
    [
      wishes.map((wish) => wish.executionId),
      wishes.map((wish) => wish.position),
      wishes.map((wish) => wish.delivery),
      wishes.map((wish) => wish.token),
      workerId,
      leaseMs,
      tasks,
      resourceTypes,
      loneFrom,
    ],
  );
  return new Map(rows.map((row) => [row.claim_token, claimedStep(row)]));
}
