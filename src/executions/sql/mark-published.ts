import type { Connection } from '../connection.ts';
import type { UnpublishedStep } from './list-unpublished-steps.ts';

/**
 * Notes in bulk that deliveries are in their queues. Guarded by delivery and written with the epoch that was read
 * before the publish, so a late mark never hides a job that a wipe has lost. Rows that somebody has locked (a claim)
 * are passed over: they need no mark.
 */
export async function markPublished(connection: Connection, steps: readonly UnpublishedStep[]): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `WITH published AS MATERIALIZED (
       SELECT s.execution_id, s.position, p.epoch FROM ${schema}.step AS s
       JOIN unnest($1::uuid[], $2::integer[], $3::integer[], $4::bigint[]) AS p(execution_id, position, delivery, epoch)
         ON s.execution_id = p.execution_id AND s.position = p.position AND s.delivery = p.delivery
       WHERE (s.state = 'ready') IS TRUE ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED)
     UPDATE ${schema}.step AS s SET published_epoch = published.epoch
     FROM published WHERE s.execution_id = published.execution_id AND s.position = published.position`,
    [
      steps.map((step) => step.executionId),
      steps.map((step) => step.position),
      steps.map((step) => step.delivery),
      steps.map((step) => step.epoch),
    ],
  );
}
