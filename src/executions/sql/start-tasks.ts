import type { Connection } from '../connection.ts';
import {
  bareColumns,
  bareRow,
  insertBegunEventsSql,
  insertBegunStepsSql,
  insertExecutionsSql,
  type BareExecution,
} from './insert-executions.ts';
import type { UnpublishedStep } from './list-unpublished-steps.ts';

/** Characters of one statement: PostgreSQL takes no JSON of more than 256 MB, and less is kinder to its memory. */
const longestText = 8_000_000;

/**
 * Stores executions that nothing in the ledger can refuse, with their steps and events, in one statement, or in
 * several where their inputs are large. One whose id is
 * there already is left as it is, so that it may be asked again. They have no unique key. Locks nothing that others want.
 *
 * @returns The steps that are ready, with the epochs of their queues; none of queues that are paused.
 */
export async function startTasks(connection: Connection, tasks: readonly BareExecution[]): Promise<UnpublishedStep[]> {
  const ready: UnpublishedStep[] = [];
  let texts: string[] = [];
  let length = 0;
  for (const task of tasks) {
    const text = JSON.stringify(bareRow(task));
    if (texts.length > 0 && length + text.length > longestText) {
      ready.push(...(await start(connection, texts)));
      texts = [];
      length = 0;
    }
    texts.push(text);
    length += text.length;
  }
  if (texts.length > 0) ready.push(...(await start(connection, texts)));
  return ready;
}

async function start(connection: Connection, rowsOfTasks: readonly string[]): Promise<UnpublishedStep[]> {
  const { schema } = connection;
  const { rows } = await connection.query<UnpublishedStep>(
    `WITH wanted AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS w(${bareColumns})
     ), begun AS (
       ${insertExecutionsSql(schema, 'wanted AS w')} ON CONFLICT (id) DO NOTHING RETURNING id
     ), planned AS (
       ${insertBegunStepsSql(schema)} RETURNING execution_id, position, delivery, queue, priority, state
     ), noted AS (${insertBegunEventsSql(schema)})
     SELECT p.execution_id AS "executionId", p.position, p.delivery, p.queue, p.priority, q.epoch::float8 AS epoch
     FROM planned AS p JOIN ${schema}.queue AS q ON q.name = p.queue WHERE p.state = 'ready' AND q.paused_at IS NULL`,
    [`[${rowsOfTasks.join(',')}]`],
  );
  return rows;
}
