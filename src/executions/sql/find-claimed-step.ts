import { claimedColumns, claimedStep, type ClaimedRow, type ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';

/** The step as held by `token`, read by primary key without a lock; undefined when somebody else or nobody holds it. */
export async function findClaimedStep(
  connection: Connection,
  executionId: string,
  position: number,
  token: string,
): Promise<ClaimedStep | undefined> {
  const isHeld = 's.execution_id = $1 AND s.position = $2 AND s.claim_token = $3';
  return find(connection, isHeld, [executionId, position, token]);
}

/** The step that a claim of this token has taken, wherever it stands; one of those that run, so it is looked for among them. */
export async function findStepOfToken(
  connection: Connection,
  workerId: string,
  token: string,
): Promise<ClaimedStep | undefined> {
  return find(connection, `s.state = 'running' AND s.worker_id = $1 AND s.claim_token = $2`, [workerId, token]);
}

async function find(
  connection: Connection,
  condition: string,
  params: readonly unknown[],
): Promise<ClaimedStep | undefined> {
  const { rows } = await connection.query<ClaimedRow>(
    `SELECT ${claimedColumns(connection)}
     FROM ${connection.schema}.step AS s JOIN ${connection.schema}.execution AS e ON e.id = s.execution_id
     WHERE ${condition}`,
    params,
  );
  return rows[0] === undefined ? undefined : claimedStep(rows[0]);
}
