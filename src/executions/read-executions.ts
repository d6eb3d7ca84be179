import type { JsonValue } from '../core/json.ts';
import type { Connection } from './connection.ts';
import type { ExecutionState, StepKind, StepState } from './states.ts';

export interface ExecutionView {
  readonly id: string;
  readonly executor: string;
  readonly kind: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  /** The execution and the step that wait for this one, where it is a child. */
  readonly parentId: string | null;
  readonly parentPosition: number | null;
  readonly state: ExecutionState;
  readonly error: { readonly code: string; readonly message: string; readonly traceback: string } | null;
  readonly input: JsonValue;
  readonly context: JsonValue;
  readonly weight: 'regular' | 'heavy';
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** Steps that have ended well, of all steps without joins. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
  /** What the execution is at: the first step that is neither pending nor ended. */
  readonly currentStep: string | null;
}

export interface AttemptView {
  readonly number: number;
  readonly outcome: string;
  readonly polls: number;
  readonly workerId: string | null;
  /** `host/pid` of the worker, where its row is still there. */
  readonly worker: string | null;
  readonly error: { readonly code: string; readonly message: string; readonly traceback: string } | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
}

export interface StepView {
  readonly position: number;
  readonly kind: StepKind;
  readonly task: string;
  readonly description: string;
  readonly queue: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly crashes: number;
  readonly runAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly workerId: string | null;
  readonly progress: JsonValue;
  readonly poll: JsonValue;
  readonly result: JsonValue;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly attempts: readonly AttemptView[];
}

export interface ExecutionFilter {
  readonly state?: ExecutionState;
  readonly executor?: string;
  readonly resourceType?: string;
  readonly resourceId?: string;
  /** 1 to 1000. Default 50. */
  readonly limit?: number;
}

const viewColumns = (schema: string): string => `
  e.id, e.executor, e.kind, e.resource_type AS "resourceType", e.resource_id AS "resourceId", e.state, e.error, e.input,
  e.context, e.weight, e.parent_id AS "parentId", e.parent_position AS "parentPosition", e.created_at AS "createdAt", e.finished_at AS "finishedAt",
  (SELECT min(s.started_at) FROM ${schema}.step s WHERE s.execution_id = e.id AND s.kind <> 'join') AS "startedAt",
  (SELECT count(*)::integer FROM ${schema}.step s WHERE s.execution_id = e.id AND s.kind <> 'join'
    AND s.state = 'succeeded') AS "stepsDone",
  (SELECT count(*)::integer FROM ${schema}.step s WHERE s.execution_id = e.id AND s.kind <> 'join') AS "stepsTotal",
  (SELECT s.description FROM ${schema}.step s WHERE s.execution_id = e.id
    AND s.state IN ('ready', 'running', 'delayed', 'waiting', 'failed') ORDER BY s.position LIMIT 1) AS "currentStep"`;

/** One execution as people see it, by primary key; locks nothing. */
export async function findExecution(connection: Connection, id: string): Promise<ExecutionView | undefined> {
  const { rows } = await connection.query<ExecutionView>(
    `SELECT ${viewColumns(connection.schema)} FROM ${connection.schema}.execution AS e WHERE e.id = $1`,
    [id],
  );
  return rows[0];
}

/** The newest executions first. */
export async function listExecutions(connection: Connection, filter: ExecutionFilter): Promise<ExecutionView[]> {
  const { rows } = await connection.query<ExecutionView>(
    `SELECT ${viewColumns(connection.schema)} FROM ${connection.schema}.execution AS e
     WHERE ($1::text IS NULL OR e.state = $1) AND ($2::text IS NULL OR e.executor = $2)
       AND ($3::text IS NULL OR e.resource_type = $3) AND ($4::text IS NULL OR e.resource_id = $4)
     ORDER BY e.id DESC LIMIT $5`,
    [
      filter.state ?? null,
      filter.executor ?? null,
      filter.resourceType ?? null,
      filter.resourceId ?? null,
      Math.min(Math.max(filter.limit ?? 50, 1), 1_000),
    ],
  );
  return rows;
}

/** Every step of an execution with its attempts, by position. */
export async function listSteps(connection: Connection, executionId: string): Promise<StepView[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Omit<StepView, 'attempts'>>(
    `SELECT position, kind, task, description, queue, state, attempt, max_attempts AS "maxAttempts", crashes,
       run_at AS "runAt", started_at AS "startedAt", finished_at AS "finishedAt", worker_id AS "workerId", progress,
       poll, result, error
     FROM ${schema}.step WHERE execution_id = $1 ORDER BY position`,
    [executionId],
  );
  const attempts = await connection.query<AttemptView & { position: number }>(
    `SELECT a.position, a.number, a.outcome, a.polls, a.worker_id AS "workerId", w.host || '/' || w.pid AS worker,
       a.error, a.started_at AS "startedAt", a.ended_at AS "endedAt"
     FROM ${schema}.attempt AS a LEFT JOIN ${schema}.worker AS w ON w.id = a.worker_id
     WHERE a.execution_id = $1 ORDER BY a.position, a.fence`,
    [executionId],
  );
  return rows.map((row) => ({
    ...row,
    attempts: attempts.rows
      .filter((attempt) => attempt.position === row.position)
      .map(({ position: _position, ...attempt }) => attempt),
  }));
}
