import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { ExecutionState, StepKind, StepState } from './states.ts';

/** A row of `execution`, for reading with TypeORM. The engine itself writes by statements of its own. */
export interface ExecutionEntity {
  readonly id: string;
  readonly executor: string;
  readonly kind: string;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
  readonly input: unknown;
  readonly state: ExecutionState;
  readonly error: unknown;
  readonly context: unknown;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
}

/** A row of `step`, for reading with TypeORM. */
export interface StepEntity {
  readonly executionId: string;
  readonly position: number;
  readonly kind: StepKind;
  readonly task: string;
  readonly description: string;
  readonly queue: string;
  readonly state: StepState;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly result: unknown;
  readonly error: unknown;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

const column = (
  name: string,
  type: EntitySchemaColumnOptions['type'],
  nullable = false,
): EntitySchemaColumnOptions => ({
  name,
  type,
  nullable,
  insert: false,
  update: false,
});

/**
 * The ledger as entities, for queries and relations of the application. `synchronize` is off for them: their tables
 * belong to the migrations of Reeve.
 */
export function ledgerEntities(schema = 'reeve'): [EntitySchema<ExecutionEntity>, EntitySchema<StepEntity>] {
  const execution = new EntitySchema<ExecutionEntity>({
    name: 'ReeveExecution',
    tableName: 'execution',
    schema,
    synchronize: false,
    columns: {
      id: { ...column('id', 'uuid'), primary: true },
      executor: column('executor', 'text'),
      kind: column('kind', 'text'),
      resourceType: column('resource_type', 'text', true),
      resourceId: column('resource_id', 'text', true),
      input: column('input', 'jsonb'),
      state: column('state', 'text'),
      error: column('error', 'jsonb', true),
      context: column('context', 'jsonb'),
      createdAt: column('created_at', 'timestamptz'),
      finishedAt: column('finished_at', 'timestamptz', true),
    },
  });
  const step = new EntitySchema<StepEntity>({
    name: 'ReeveStep',
    tableName: 'step',
    schema,
    synchronize: false,
    columns: {
      executionId: { ...column('execution_id', 'uuid'), primary: true },
      position: { ...column('position', 'integer'), primary: true },
      kind: column('kind', 'text'),
      task: column('task', 'text'),
      description: column('description', 'text'),
      queue: column('queue', 'text'),
      state: column('state', 'text'),
      attempt: column('attempt', 'integer'),
      maxAttempts: column('max_attempts', 'integer'),
      result: column('result', 'jsonb', true),
      error: column('error', 'jsonb', true),
      startedAt: column('started_at', 'timestamptz', true),
      finishedAt: column('finished_at', 'timestamptz', true),
    },
  });
  return [execution, step];
}
