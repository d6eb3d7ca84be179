import type { Connection } from '../connection.ts';
import type { StepDraft } from '../step-plan.ts';

export interface InsertStepsParams {
  readonly executionId: string;
  readonly priority: number;
  /** Milliseconds before the first steps may start. */
  readonly countdownMs: number;
  readonly steps: readonly StepDraft[];
  /** The step that has added them, for steps that are only known at run time. */
  readonly expandedBy?: number;
}

/**
 * Inserts the whole plan in one statement: steps without predecessors `ready` (or `delayed` by their countdown), all
 * others `pending`; the first steps of scopes `waiting` for their permits, which the caller requests. Locks nothing else.
 */
export async function insertSteps(connection: Connection, params: InsertStepsParams): Promise<void> {
  const source = { execution: '$1', priority: '$2', rows: '$3::jsonb', from: '' };
  await connection.query(insertStepsSql(connection.schema, source), [
    params.executionId,
    params.priority,
    JSON.stringify(stepRows(params)),
  ]);
}

/** The steps as {@link insertStepsSql} reads them from JSON. */
export function stepRows({
  steps,
  countdownMs,
  expandedBy,
}: Pick<InsertStepsParams, 'steps' | 'countdownMs' | 'expandedBy'>): object[] {
  return steps.map((step) => ({
    position: step.position,
    kind: step.kind,
    task: step.task,
    description: step.description,
    args: step.args,
    queue: step.queue,
    policy: step.policy,
    effects: step.effects,
    begins: step.effects.begin !== undefined || step.effects.runtimeDuring !== undefined,
    countdown_ms: step.countdownMs + (step.openPredecessors === 0 ? countdownMs : 0),
    open_predecessors: step.openPredecessors,
    next: step.next,
    needs_results: step.needsResults,
    max_attempts: step.policy.retry.attempts,
    waits_for: step.openPredecessors === 0 ? waitsFor(step, countdownMs) : null,
    expanded_by: expandedBy ?? null,
  }));
}

/** Where the parts of a step come from, as SQL: its execution, its priority, the rows, and what they are read beside. */
export interface StepSource {
  readonly execution: string;
  readonly priority: string;
  readonly rows: string;
  readonly from: string;
}

/** The statement of {@link insertSteps}, which others may make a part of theirs. */
export function insertStepsSql(schema: string, source: StepSource): string {
  return `INSERT INTO ${schema}.step (execution_id, position, kind, task, description, args, queue, priority,
       policy, effects, begins, countdown_ms, open_predecessors, next,
       needs_results, max_attempts, expanded_by, state, waiting_for, delivery, ready_at, run_at)
     SELECT ${source.execution}, row.position, row.kind, row.task, row.description, coalesce(row.args, 'null'), row.queue,
       ${source.priority},
       row.policy, row.effects, row.begins, row.countdown_ms, row.open_predecessors,
       ARRAY(SELECT jsonb_array_elements_text(row.next)::integer),
       ARRAY(SELECT jsonb_array_elements_text(row.needs_results)::integer), row.max_attempts, row.expanded_by,
       CASE WHEN open_predecessors > 0 THEN 'pending' WHEN waits_for IS NOT NULL THEN 'waiting' WHEN countdown_ms > 0 THEN 'delayed' ELSE 'ready' END,
       waits_for,
       CASE WHEN open_predecessors = 0 AND waits_for IS NULL AND countdown_ms = 0 THEN 1 ELSE 0 END,
       CASE WHEN open_predecessors = 0 AND waits_for IS NULL AND countdown_ms = 0 THEN now.at END,
       CASE WHEN open_predecessors = 0 AND waits_for IS NULL AND countdown_ms > 0 THEN now.at + countdown_ms * interval '1 millisecond' END
     FROM ${source.from} (SELECT ${schema}.clock() AS at) AS now,
       jsonb_to_recordset(${source.rows}) AS row(position integer, kind text, task text, description text, args jsonb,
         queue text, policy jsonb, effects jsonb, begins boolean, countdown_ms bigint, open_predecessors integer,
         next jsonb, needs_results jsonb, max_attempts integer, waits_for text,
         expanded_by integer)`;
}

/** What a first step waits for, if anything: its turn in a bounded group, or permits once its countdown is over. */
function waitsFor({ effects, countdownMs }: StepDraft, extraMs: number): 'group' | 'permit' | 'hold' | null {
  if (effects.bound?.waits === true) return 'group';
  return effects.acquire === undefined || countdownMs + extraMs > 0 ? null : effects.acquire.waitsFor;
}
