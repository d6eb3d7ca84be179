import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

export interface SuspectedStep extends ReadyStep {
  readonly readyAt: Date;
}

/**
 * The oldest steps of a queue that were published in its present epoch and that nobody has claimed for the grace time,
 * from the time `after` on; one range of the index step_outbox. Locks nothing.
 */
export async function listSuspectedSteps(
  connection: Connection,
  params: {
    readonly queue: string;
    readonly epoch: number;
    readonly graceMs: number;
    readonly after: Date | null;
    readonly limit: number;
  },
): Promise<SuspectedStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Omit<SuspectedStep, 'executionId'> & { execution_id: string }>(
    `SELECT s.execution_id, s.position, s.delivery, s.queue, s.priority, s.ready_at AS "readyAt"
     FROM ${schema}.step AS s
     WHERE s.state = 'ready' AND s.queue = $1 AND s.published_epoch = $2
       AND s.ready_at < ${schema}.clock() - $3 * interval '1 millisecond'
       AND s.ready_at > coalesce($4::timestamptz, '-infinity')
     ORDER BY s.ready_at LIMIT $5`,
    [params.queue, params.epoch, params.graceMs, params.after, params.limit],
  );
  return rows.map(({ execution_id: executionId, ...row }) => ({ executionId, ...row }));
}

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
