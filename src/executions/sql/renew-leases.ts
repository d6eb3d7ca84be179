import type { Connection } from '../connection.ts';
import type { ExecutionState } from '../states.ts';

export interface HeldClaim {
  readonly executionId: string;
  readonly position: number;
  readonly token: string;
}

/**
 * The heartbeat of one process: one statement for all of its claims, sorted, passing over rows that a completion has
 * locked. Answers the tokens that still hold their step, with the state of the execution (`canceling` wherever a cancel
 * was asked for); a token that is missing from the answer has lost its step.
 */
export async function renewLeases(
  connection: Connection,
  claims: readonly HeldClaim[],
  leaseMs: number,
): Promise<ReadonlyMap<string, ExecutionState>> {
  const { schema } = connection;
  const params = [
    claims.map((claim) => claim.executionId),
    claims.map((claim) => claim.position),
    claims.map((claim) => claim.token),
  ];
  const held = `unnest($1::uuid[], $2::integer[], $3::uuid[]) AS h(execution_id, position, token)`;
  await connection.query(
    `WITH mine AS MATERIALIZED (
       SELECT s.execution_id, s.position FROM ${schema}.step AS s JOIN ${held}
         ON s.execution_id = h.execution_id AND s.position = h.position AND s.claim_token = h.token
       ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED)
     UPDATE ${schema}.step AS s SET lease_until = ${schema}.clock() + $4 * interval '1 millisecond'
     FROM mine WHERE s.execution_id = mine.execution_id AND s.position = mine.position`,
    [...params, leaseMs],
  );
  const { rows } = await connection.query<{ token: string; state: ExecutionState }>(
    `SELECT h.token, CASE WHEN e.cancel_requested_at IS NULL THEN e.state ELSE 'canceling' END AS state
     FROM ${schema}.step AS s JOIN ${held}
       ON s.execution_id = h.execution_id AND s.position = h.position AND s.claim_token = h.token
     JOIN ${schema}.execution AS e ON e.id = s.execution_id`,
    params,
  );
  return new Map(rows.map((row) => [row.token, row.state]));
}
