import type { Connection } from '../connection.ts';
import { hasDeadline } from './list-overdue.ts';
import { isUnpublished } from './list-unpublished-steps.ts';
import { nextStepDueSql } from './ready-due-steps.ts';

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
  const { rows } = await connection.query<Look>(
    `SELECT
       (${nextStepDueSql(schema)}) AS "dueMs",
       (SELECT (extract(epoch FROM deadline_at - ${schema}.clock()) * 1000)::float8 FROM ${schema}.execution
         WHERE ${hasDeadline} ORDER BY deadline_at LIMIT 1) AS "deadlineMs",
       EXISTS (SELECT 1 FROM ${schema}.queue AS q CROSS JOIN LATERAL (
         SELECT 1 FROM ${schema}.step AS s WHERE ${isUnpublished(schema, '$1')}
         ORDER BY s.published_epoch, s.ready_at LIMIT 1) AS s WHERE q.paused_at IS NULL) AS "isUnpublished",
       EXISTS (SELECT 1 FROM ${schema}.permit WHERE NOT held AND NOT shared)
         OR EXISTS (SELECT 1 FROM ${schema}.permit WHERE NOT held AND shared) AS "isWaiting",
       EXISTS (SELECT 1 FROM ${schema}.remembered_run) AS "isRemembered",
       EXISTS (SELECT 1 FROM ${schema}.execution WHERE state IN ('failing', 'canceling')) AS "isEnding"`,
    [minAgeMs],
  );
  const [look] = rows;
  if (look === undefined) throw new Error('a statement of one row has answered none');
  return look;
}
