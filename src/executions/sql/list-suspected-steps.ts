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
