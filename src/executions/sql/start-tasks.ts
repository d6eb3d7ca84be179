import type { Connection } from '../connection.ts';
import type { StepDraft } from '../step-plan.ts';
import type { UnpublishedStep } from './list-unpublished-steps.ts';
import type { NewExecution } from './insert-execution.ts';
import { insertStepsSql, stepRows } from './insert-steps.ts';

/** One execution without resource, parent, unique key and idempotency key. */
export interface NewTask {
  readonly execution: NewExecution;
  readonly steps: readonly StepDraft[];
  readonly countdownMs: number;
}

/**
 * Stores executions that nothing in the ledger can refuse, with their steps and events, in one statement. One whose id is
 * there already is left as it is, so that it may be asked again. Locks nothing that others want.
 *
 * @returns The steps that are ready, with the epochs of their queues; none of queues that are paused.
 */
export async function startTasks(connection: Connection, tasks: readonly NewTask[]): Promise<UnpublishedStep[]> {
  const { schema } = connection;
  const steps = insertStepsSql(schema, {
    execution: 'begun.id',
    priority: 'begun.priority',
    rows: 'wanted.steps',
    from: 'begun JOIN wanted ON wanted.id = begun.id,',
  });
  const { rows } = await connection.query<UnpublishedStep>(
    `WITH wanted AS MATERIALIZED (
       SELECT * FROM jsonb_to_recordset($1::jsonb) AS w(id uuid, executor text, executor_version integer,
         kind text, plan_hash text, input jsonb, facts jsonb, request_hash text, weight text, priority integer,
         context jsonb, deadline_ms float8, steps jsonb, step_count integer)
     ), begun AS (
       INSERT INTO ${schema}.execution (id, executor, executor_version, kind, plan_hash, input, facts, state,
         request_hash, weight, priority, context, created_at, deadline_at)
       SELECT w.id, w.executor, w.executor_version, w.kind, w.plan_hash, coalesce(w.input, 'null'), w.facts, 'running',
         w.request_hash, w.weight, w.priority, w.context, ${schema}.clock(),
         ${schema}.clock() + w.deadline_ms * interval '1 millisecond'
       FROM wanted AS w ON CONFLICT (id) DO NOTHING RETURNING id, priority, executor
     ), planned AS (${steps}
       RETURNING execution_id, position, delivery, queue, priority, state
     ), noted AS (
       INSERT INTO ${schema}.event (at, kind, execution_id, data)
       SELECT ${schema}.clock(), 'execution.scheduled', begun.id,
         jsonb_build_object('executor', begun.executor, 'steps', wanted.step_count)
       FROM begun JOIN wanted ON wanted.id = begun.id
     )
     SELECT p.execution_id AS "executionId", p.position, p.delivery, p.queue, p.priority, q.epoch::float8 AS epoch
     FROM planned AS p JOIN ${schema}.queue AS q ON q.name = p.queue WHERE p.state = 'ready' AND q.paused_at IS NULL`,
    [JSON.stringify(tasks.map((task) => taskRow(task)))],
  );
  return rows;
}

function taskRow({ execution, steps, countdownMs }: NewTask): object {
  return {
    id: execution.id,
    executor: execution.executor,
    executor_version: execution.executorVersion,
    kind: execution.kind,
    plan_hash: execution.planHash,
    input: execution.input,
    facts: execution.facts,
    request_hash: execution.requestHash,
    weight: execution.weight,
    priority: execution.priority,
    context: execution.context,
    deadline_ms: execution.deadlineMs,
    steps: stepRows({ steps, countdownMs }),
    step_count: steps.length,
  };
}
