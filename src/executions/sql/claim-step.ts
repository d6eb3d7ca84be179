import { claimedColumns, claimedStep, type ClaimedRow, type ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/** More workers than a step can lose. */
export const neverAlone = 2 ** 31 - 1;

export interface ClaimParams {
  readonly executionId: string;
  readonly position: number;
  readonly delivery: number;
  readonly token: string;
  readonly workerId: string;
  readonly leaseMs: number;
  /** The names of the tasks that this build knows. */
  readonly tasks: readonly string[];
  /** A step that has lost so many workers is not claimed: it has to run alone. */
  readonly loneFrom: number;
  /** The resource types that this build knows; the completion of a step may have to write all that it owns. */
  readonly resourceTypes: readonly string[];
}

/**
 * `ready → running`: a random token, the fence and the attempt one up, a lease. Locks the step row alone, by primary
 * key. Nothing matched: the step is not ready, is of another delivery, begins a resource (unless `begins`), its task
 * or one of its resource types is unknown here, its queue is paused, its execution does not run, or it has to run alone; nothing is written then.
 */
export async function claimStep(
  connection: Connection,
  params: ClaimParams,
  begins: boolean,
): Promise<ClaimedStep | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<ClaimedRow>(
    `UPDATE ${schema}.step AS s
     SET state = 'running', claim_token = $4, fence = s.fence + 1, attempt = s.attempt + 1, worker_id = $5,
       claimed_at = now.at, started_at = coalesce(s.started_at, now.at),
       lease_until = now.at + $6 * interval '1 millisecond'
     FROM ${schema}.execution AS e, (SELECT ${schema}.clock() AS at) AS now
     WHERE s.execution_id = $1 AND s.position = $2 AND s.delivery = $3 AND (s.state = 'ready') IS TRUE
       AND s.task = ANY ($7) AND s.begins = $8 AND s.crashes < $10 AND e.id = s.execution_id AND e.state = 'running'
       AND NOT EXISTS (SELECT 1 FROM ${schema}.queue q WHERE q.name = s.queue AND q.paused_at IS NOT NULL)
       AND (e.resource_type IS NULL OR e.resource_type = ANY ($9))
       AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource r
         WHERE r.execution_id = e.id AND r.resource_type <> ALL ($9))
     RETURNING ${claimedColumns(connection)}`,
    [
      params.executionId,
      params.position,
      params.delivery,
      params.token,
      params.workerId,
      params.leaseMs,
      params.tasks,
      begins,
      params.resourceTypes,
      params.loneFrom,
    ],
  );
  return rows[0] === undefined ? undefined : claimedStep(rows[0]);
}
