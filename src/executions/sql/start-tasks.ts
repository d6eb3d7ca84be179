import type { Connection } from '../connection.ts';
import {
  bareColumns,
  bareRow,
  insertBegunEventsSql,
  insertBegunStepsSql,
  insertExecutionsSql,
  type BareExecution,
} from './insert-executions.ts';
import type { StepDraft } from '../step-plan.ts';
import type { UnpublishedStep } from './list-unpublished-steps.ts';
import { insertPermitsSql } from './request-permits.ts';

/** Characters of one statement: PostgreSQL takes no JSON of more than 256 MB, and less is kinder to its memory. */
const longestText = 8_000_000;

export interface StartedTasks {
  /** With the epochs of their queues; none of queues that are paused. */
  readonly ready: readonly UnpublishedStep[];
  /** Whether some stand in line for permits. */
  readonly waits: boolean;
}

/**
 * Stores executions that nothing in the ledger can refuse, with their steps and events, in one statement, or in
 * several where their inputs are large; those that begin with a scope stand in line in the order in which they are given.
 * One whose id is there already is left as it is, so that it may be asked again. They have no unique key. Locks nothing
 * that others want.
 */
export async function startTasks(connection: Connection, tasks: readonly BareExecution[]): Promise<StartedTasks> {
  const waits = tasks.some(({ steps, countdownMs }) => countdownMs === 0 && steps.some(beginsScope));
  const ready: UnpublishedStep[] = [];
  let texts: string[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    if (texts.length > 0) ready.push(...(await start(connection, texts, waits)));
    texts = [];
    length = 0;
  };
  for (const task of tasks) {
    const text = JSON.stringify(bareRow(task));
    if (length + text.length > longestText) await flush();
    texts.push(text);
    length += text.length;
  }
  await flush();
  return { ready, waits };
}

function beginsScope({ openPredecessors, effects }: StepDraft): boolean {
  return openPredecessors === 0 && effects.acquire !== undefined;
}

async function start(
  connection: Connection,
  rowsOfTasks: readonly string[],
  waits: boolean,
): Promise<UnpublishedStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<UnpublishedStep>(
    `WITH wanted AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS w(${bareColumns})
     ), begun AS (
       ${insertExecutionsSql(schema, 'wanted AS w')} ON CONFLICT (id) DO NOTHING RETURNING id
     ), planned AS (
       ${insertBegunStepsSql(schema)}
       RETURNING execution_id, position, delivery, queue, priority, state, waiting_for, effects
     ), ${waits ? `line AS (${insertLineSql(schema)}), ` : ''}noted AS (${insertBegunEventsSql(schema)})
     SELECT p.execution_id AS "executionId", p.position, p.delivery, p.queue, p.priority, q.epoch::float8 AS epoch
     FROM planned AS p JOIN ${schema}.queue AS q ON q.name = p.queue WHERE p.state = 'ready' AND q.paused_at IS NULL`,
    [`[${rowsOfTasks.join(',')}]`],
  );
  return rows;
}

/** A place in line for each scope in `planned` that waits; none of them has a parent, so nothing is shared. */
function insertLineSql(schema: string): string {
  return insertPermitsSql(schema, {
    execution: 'w.execution_id',
    place: 'w.place',
    shared: 'false',
    from: `(SELECT p.*, nextval('${schema}.permit_place') AS place FROM (
         SELECT execution_id, position, effects -> 'acquire' AS acquire FROM planned
         WHERE state = 'waiting' AND waiting_for IN ('permit', 'hold') ORDER BY execution_id, position) AS p) AS w`,
  });
}
