import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';

/**
 * How many steps of a queue the broker should know: those published in this epoch longer than the grace time ago, and
 * those that run. By the partial indexes.
 */
export async function countExpectedJobs(
  connection: Connection,
  queue: string,
  graceMs: number,
): Promise<{ readonly published: number; readonly running: number }> {
  const { schema } = connection;
  const { rows } = await connection.query<{ published: number; running: number }>(
    `SELECT
       (SELECT count(*)::integer FROM ${schema}.step AS s JOIN ${schema}.queue AS q ON q.name = s.queue
        WHERE s.state = 'ready' AND s.queue = $1 AND s.published_epoch >= q.epoch
          AND s.ready_at < ${schema}.clock() - $2 * interval '1 millisecond') AS published,
       (SELECT count(*)::integer FROM ${schema}.step AS s WHERE s.state = 'running' AND s.queue = $1) AS running`,
    [queue, graceMs],
  );
  return rows[0] ?? { published: 0, running: 0 };
}

/** The oldest published steps of a queue that nobody has claimed; locks nothing. */
export async function listSuspectedSteps(
  connection: Connection,
  params: { readonly queue: string; readonly graceMs: number; readonly limit: number },
): Promise<ReadyStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<{
    execution_id: string;
    position: number;
    delivery: number;
    queue: string;
    priority: number;
  }>(
    `SELECT s.execution_id, s.position, s.delivery, s.queue, s.priority
     FROM ${schema}.step AS s JOIN ${schema}.queue AS q ON q.name = s.queue
     WHERE s.state = 'ready' AND s.queue = $1 AND s.published_epoch >= q.epoch
       AND s.ready_at < ${schema}.clock() - $2 * interval '1 millisecond'
     ORDER BY s.ready_at LIMIT $3`,
    [params.queue, params.graceMs, params.limit],
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
