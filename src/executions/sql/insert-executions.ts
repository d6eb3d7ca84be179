import type { StepDraft } from '../step-plan.ts';
import type { NewExecution } from './insert-execution.ts';
import { insertStepsSql, stepRows } from './insert-steps.ts';

/** An execution without resource, parent and idempotency key, with its plan. */
export interface BareExecution {
  readonly execution: NewExecution;
  readonly steps: readonly StepDraft[];
  readonly countdownMs: number;
}

/** Many of them as JSON, as the columns of {@link bareColumns} read them. */
export function bareRow({ execution, steps, countdownMs }: BareExecution): object {
  return {
    id: execution.id,
    executor: execution.executor,
    executor_version: execution.executorVersion,
    kind: execution.kind,
    plan_hash: execution.planHash,
    input: execution.input,
    facts: execution.facts,
    unique_key: execution.uniqueKey,
    request_hash: execution.requestHash,
    weight: execution.weight,
    priority: execution.priority,
    context: execution.context,
    deadline_ms: execution.deadlineMs,
    steps: stepRows({ steps, countdownMs }),
    step_count: steps.length,
  };
}

export const bareColumns = `id uuid, executor text, executor_version integer, kind text, plan_hash text, input jsonb,
  facts jsonb, unique_key text, request_hash text, weight text, priority integer, context jsonb, deadline_ms float8,
  steps jsonb, step_count integer`;

/** Inserts executions from rows `w`, which `from` names; what becomes of a conflict, and what is returned, comes behind it. */
export function insertExecutionsSql(schema: string, from: string): string {
  return `INSERT INTO ${schema}.execution (id, executor, executor_version, kind, plan_hash, input, facts, state,
      unique_key, request_hash, weight, priority, context, created_at, deadline_at)
    SELECT w.id, w.executor, w.executor_version, w.kind, w.plan_hash, coalesce(w.input, 'null'), w.facts, 'running',
      w.unique_key, w.request_hash, w.weight, w.priority, w.context, ${schema}.clock(),
      ${schema}.clock() + w.deadline_ms * interval '1 millisecond'
    FROM ${from}`;
}

/** Inserts the steps of the rows `wanted` whose executions are in `begun`. */
export function insertBegunStepsSql(schema: string): string {
  return insertStepsSql(schema, {
    execution: 'begun.id',
    priority: 'wanted.priority',
    rows: 'wanted.steps',
    from: 'begun JOIN wanted ON wanted.id = begun.id,',
  });
}

/** Tells of the executions in `begun`. */
export function insertBegunEventsSql(schema: string): string {
  return `INSERT INTO ${schema}.event (at, kind, execution_id, data)
    SELECT ${schema}.clock(), 'execution.scheduled', begun.id,
      jsonb_build_object('executor', wanted.executor, 'steps', wanted.step_count)
    FROM begun JOIN wanted ON wanted.id = begun.id`;
}
