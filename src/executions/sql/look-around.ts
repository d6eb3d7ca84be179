import type { Connection } from '../connection.ts';

/** What the loops of a process would find if they looked now. */
export interface Look {
  /** Milliseconds until the next delayed step is due, 0 or less for one that is; null when none is delayed. */
  readonly dueMs: number | null;
  /** The same for the deadlines of live executions that nobody has canceled yet. */
  readonly deadlineMs: number | null;
  /** A ready step that its queue has not seen, and that whoever made it ready should have published by now. */
  readonly isUnpublished: boolean;
  /** Somebody waits for a permit; there need not be one. */
  readonly isWaiting: boolean;
  /** A background task is to run once more; the one that is alive need not have ended. */
  readonly isRemembered: boolean;
  /** An execution is failing or canceling; some of it may still run. */
  readonly isEnding: boolean;
}

/** All of it in one statement, by the indexes of the single questions. Locks nothing. */
export async function lookAround(connection: Connection, minAgeMs: number): Promise<Look> {
  const { schema } = connection;
  const ms = (column: string): string => `(extract(epoch FROM ${column} - now.at) * 1000)::float8`;
  const { rows } = await connection.query<Look>(
    `SELECT
       (SELECT ${ms('s.run_at')} FROM ${schema}.step AS s
         JOIN ${schema}.execution AS e ON e.id = s.execution_id AND e.state = 'running'
         WHERE s.state = 'delayed' ORDER BY s.run_at LIMIT 1) AS "dueMs",
       (SELECT ${ms('deadline_at')} FROM ${schema}.execution
         WHERE active AND deadline_at IS NOT NULL AND cancel_requested_at IS NULL
         ORDER BY deadline_at LIMIT 1) AS "deadlineMs",
       EXISTS (SELECT 1 FROM ${schema}.queue AS q CROSS JOIN LATERAL (
         SELECT 1 FROM ${schema}.step AS s WHERE s.state = 'ready' AND s.queue = q.name
           AND s.published_epoch < q.epoch AND s.ready_at <= now.at - $1 * interval '1 millisecond'
         ORDER BY s.published_epoch, s.ready_at LIMIT 1) AS s WHERE q.paused_at IS NULL) AS "isUnpublished",
       EXISTS (SELECT 1 FROM ${schema}.permit WHERE NOT held AND NOT shared)
         OR EXISTS (SELECT 1 FROM ${schema}.permit WHERE NOT held AND shared) AS "isWaiting",
       EXISTS (SELECT 1 FROM ${schema}.remembered_run) AS "isRemembered",
       EXISTS (SELECT 1 FROM ${schema}.execution WHERE state IN ('failing', 'canceling')) AS "isEnding"
     FROM (SELECT ${schema}.clock() AS at) AS now`,
    [minAgeMs],
  );
  const [look] = rows;
  if (look === undefined) throw new Error('a statement of one row has answered none');
  return look;
}
