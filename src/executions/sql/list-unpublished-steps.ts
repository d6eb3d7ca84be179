import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

export interface UnpublishedStep extends ReadyStep {
  /** The epoch of the queue as read before the publish; the mark is written with it. */
  readonly epoch: number;
}

interface Row {
  execution_id: string;
  position: number;
  delivery: number;
  queue: string;
  priority: number;
  epoch: string;
}

/** Of a step `s` that its queue `q` has not seen. @param minAge - A parameter in milliseconds. */
export function isUnpublished(schema: string, minAge: string): string {
  return `s.state = 'ready' AND s.queue = q.name AND s.published_epoch < q.epoch
         AND s.ready_at <= ${schema}.clock() - ${minAge} * interval '1 millisecond'`;
}

/**
 * The outbox: `ready` steps whose queue has not seen this delivery in this epoch, oldest first, and those of one moment
 * in the order of their plan. Reads committed rows
 * by the index step_outbox, one range and one share of the batch for each queue that is not paused, and locks nothing: publishing the same delivery twice is harmless,
 * because it has the same job id.
 *
 * @param minAgeMs - Leaves out what became ready less than this ago: whoever made it ready publishes it himself.
 */
export async function listUnpublishedSteps(
  connection: Connection,
  params: { readonly limit: number; readonly minAgeMs: number },
): Promise<UnpublishedStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Row>(
    `SELECT s.execution_id, s.position, s.delivery, s.queue, s.priority, q.epoch
     FROM ${schema}.queue AS q
     CROSS JOIN LATERAL (
       SELECT * FROM ${schema}.step AS s
       WHERE ${isUnpublished(schema, '$2')}
       ORDER BY s.published_epoch, s.ready_at LIMIT $1) AS s
     WHERE q.paused_at IS NULL ORDER BY q.name, s.ready_at, s.execution_id, s.position`,
    [params.limit, params.minAgeMs],
  );
  return rows.map((row) => ({
    executionId: row.execution_id,
    position: row.position,
    delivery: row.delivery,
    queue: row.queue,
    priority: row.priority,
    epoch: Number(row.epoch),
  }));
}
