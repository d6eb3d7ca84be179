import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

/** Puts lost deliveries back into the outbox, the same delivery again; passes over rows that are locked. */
export async function unpublishSteps(connection: Connection, steps: readonly ReadyStep[]): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH lost AS MATERIALIZED (
       SELECT s.execution_id, s.position FROM ${schema}.step AS s
       JOIN unnest($1::uuid[], $2::integer[], $3::integer[]) AS l(execution_id, position, delivery)
         ON s.execution_id = l.execution_id AND s.position = l.position AND s.delivery = l.delivery
       WHERE s.state = 'ready' ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED)
     UPDATE ${schema}.step AS s SET published_epoch = -1
     FROM lost WHERE s.execution_id = lost.execution_id AND s.position = lost.position`,
    [steps.map((step) => step.executionId), steps.map((step) => step.position), steps.map((step) => step.delivery)],
  );
}
