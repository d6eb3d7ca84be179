import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';

export interface ParentStep {
  readonly executionId: string;
  readonly position: number;
  /** Whether it waits for the end; else it goes on, and its end is not the child's. */
  readonly awaited: boolean;
}

export interface NewExecution {
  readonly id: string;
  readonly executor: string;
  readonly executorVersion: number;
  readonly kind: 'create' | 'update' | 'delete' | 'action' | 'plain' | 'task' | 'background';
  readonly planHash: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly exclusive: boolean;
  readonly input: JsonValue;
  readonly facts: JsonValue;
  readonly uniqueKey: string | null;
  readonly idempotencyKey: string | null;
  readonly idempotencyMs: number;
  readonly requestHash: string;
  readonly weight: 'regular' | 'heavy';
  readonly priority: number;
  readonly context: JsonValue;
  /** How long it may take; a child has no longer than its parent. */
  readonly deadlineMs: number | null;
  /** For a child: the execution and the step that have started it. */
  readonly parent: ParentStep | null;
}

/**
 * Inserts a running execution. Locks nothing but what the partial unique indexes make it wait for: a rival's open
 * transaction with the same key. Answers false, with nothing written, when a unique key is alive, an idempotency key
 * is known or the resource has an exclusive execution.
 */
export async function insertExecution(connection: Connection, execution: NewExecution): Promise<boolean> {
  const { count } = await connection.query(
    `INSERT INTO ${connection.schema}.execution (
       id, executor, executor_version, kind, plan_hash, resource_type, resource_id, exclusive, input, facts, state,
       unique_key, idempotency_key, idempotency_until, request_hash, weight, priority, context, created_at,
       parent_id, parent_position, awaited, deadline_at)
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10::jsonb, 'running',
       $11, $12, CASE WHEN $12::text IS NULL THEN NULL ELSE now.at + $13 * interval '1 millisecond' END,
       $14, $15, $16, $17::jsonb, now.at, $18, $19, $20,
       least(now.at + $21::float8 * interval '1 millisecond',
         (SELECT p.deadline_at FROM ${connection.schema}.execution AS p WHERE p.id = $18))
     FROM (SELECT ${connection.schema}.clock() AS at) AS now
     ON CONFLICT DO NOTHING`,
    [
      execution.id,
      execution.executor,
      execution.executorVersion,
      execution.kind,
      execution.planHash,
      execution.resourceType,
      execution.resourceId,
      execution.exclusive,
      JSON.stringify(execution.input),
      JSON.stringify(execution.facts),
      execution.uniqueKey,
      execution.idempotencyKey,
      execution.idempotencyMs,
      execution.requestHash,
      execution.weight,
      execution.priority,
      JSON.stringify(execution.context),
      execution.parent?.executionId ?? null,
      execution.parent?.position ?? null,
      execution.parent?.awaited ?? true,
      execution.deadlineMs,
    ],
  );
  return count === 1;
}
