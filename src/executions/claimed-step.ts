import type { JsonValue } from '../core/json.ts';
import type { Connection } from './connection.ts';
import type { ExecutionState, StepKind } from './states.ts';
import type { StepEffects, StepPolicy } from './step-plan.ts';

/** A step that a worker holds, with what it needs of its execution: one row of one round trip. */
export interface ClaimedStep {
  readonly executionId: string;
  readonly position: number;
  readonly kind: StepKind;
  readonly task: string;
  readonly description: string;
  readonly args: JsonValue;
  readonly queue: string;
  readonly policy: StepPolicy;
  readonly effects: StepEffects;
  readonly token: string;
  /** Grows with each claim of the step; an outside system that can compare refuses a smaller one. */
  readonly fence: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly workerId: string | null;
  readonly next: readonly number[];
  /** Whether the step behind it is the last join of its plan. */
  readonly leadsToEnd: boolean;
  /** Of a step inside a scope: whether nothing but the end of that stands between it and the last join. */
  readonly nearEnd: boolean;
  readonly poll: JsonValue;
  /** The step that has added it to the plan. */
  readonly expandedBy: number | null;
  /** Results of the earlier steps that `args` refers to, by position. */
  readonly results: Readonly<Record<string, JsonValue>>;
  readonly claimedAt: Date;
  readonly startedAt: Date;
  readonly executor: string;
  readonly parentId: string | null;
  readonly executionState: ExecutionState;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly context: JsonValue;
}

export interface ClaimedRow {
  execution_id: string;
  position: number;
  kind: StepKind;
  task: string;
  description: string;
  args: JsonValue;
  queue: string;
  policy: StepPolicy;
  effects: StepEffects;
  claim_token: string;
  fence: string;
  attempt: number;
  max_attempts: number;
  crashes: number;
  worker_id: string | null;
  next: number[];
  leads_to_end: boolean;
  near_end: boolean;
  poll: JsonValue;
  expanded_by: number | null;
  results: Record<string, JsonValue> | null;
  claimed_at: Date;
  started_at: Date;
  executor: string;
  parent_id: string | null;
  execution_state: ExecutionState;
  resource_type: string | null;
  resource_id: string | null;
  context: JsonValue;
}

/** The columns of a claimed step, from a row `s` of step joined with a row `e` of execution. */
export function claimedColumns(connection: Connection): string {
  const step = `${connection.schema}.step`;
  return `s.execution_id, s.position, s.kind, s.task, s.description, s.args, s.queue, s.policy, s.effects,
    s.claim_token, s.fence, s.attempt, s.max_attempts, s.crashes, s.worker_id, s.next, s.poll, s.claimed_at,
    s.started_at, s.expanded_by,
    (cardinality(s.next) = 0 OR EXISTS (SELECT 1 FROM ${step} n WHERE n.execution_id = s.execution_id
      AND n.position = ANY (s.next) AND cardinality(n.next) = 0)) AS leads_to_end,
    (s.effects ? 'permits' AND EXISTS (SELECT 1 FROM ${step} n JOIN ${step} m ON m.execution_id = n.execution_id AND m.position = ANY (n.next)
      WHERE n.execution_id = s.execution_id AND n.position = ANY (s.next) AND n.kind = 'join' AND n.open_predecessors <= 1
        AND m.kind = 'join' AND cardinality(m.next) = 0)) AS near_end,
    (SELECT jsonb_object_agg(r.position, r.result) FROM ${step} r WHERE cardinality(s.needs_results) > 0
      AND r.execution_id = s.execution_id AND r.position = ANY (s.needs_results)) AS results,
    e.executor, e.parent_id, e.state AS execution_state, e.resource_type, e.resource_id, e.context`;
}

export function claimedStep(row: ClaimedRow): ClaimedStep {
  return {
    executionId: row.execution_id,
    position: row.position,
    kind: row.kind,
    task: row.task,
    description: row.description,
    args: row.args,
    queue: row.queue,
    policy: row.policy,
    effects: row.effects,
    token: row.claim_token,
    fence: Number(row.fence),
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    crashes: row.crashes,
    workerId: row.worker_id,
    next: row.next,
    leadsToEnd: row.leads_to_end,
    nearEnd: row.near_end,
    poll: row.poll,
    expandedBy: row.expanded_by,
    results: row.results ?? {},
    claimedAt: row.claimed_at,
    startedAt: row.started_at,
    executor: row.executor,
    parentId: row.parent_id,
    executionState: row.execution_state,
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    context: row.context,
  };
}
