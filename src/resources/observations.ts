import { ReeveError } from '../core/errors.ts';
import { errorJson, type StoredError } from '../core/stored-error.ts';
import type { Connection } from '../executions/connection.ts';
import type { ResourceRef } from '../executions/resource-writes.ts';
import { forgetMarks } from '../executions/sql/forget-marks.ts';
import type { ResourceRegistry } from './resource-registry.ts';
import type { ResourceTable } from './resource-table.ts';

/** The step that observes: what it writes is written only while its claim holds. */
export interface ObservingStep {
  readonly executionId: string;
  readonly position: number;
  readonly token: string;
  /** The name of the task, which keeps its marks apart from those of others. */
  readonly task: string;
}

/** A row before it is read as an object. */
export interface ObservedRow {
  /** Changes with every write of the row. */
  readonly version: string;
  /** In a stable state, and owned by no execution. */
  readonly isFree: boolean;
}

/** What only executions write. */
const ownedProperties = ['id', 'state', 'executionId', 'action', 'actionDetails', 'errorMessage', 'errorTraceback'];

/** What an observer asks of the ledger; an isolated step asks its worker for it. */
export interface Observations {
  /** Undefined where there is no such row. */
  look(ref: ResourceRef): Promise<ObservedRow | undefined>;
  /**
   * Writes the fields, and takes away the mark of this task, if the row is as it was read. False otherwise.
   *
   * @throws PLAN_INVALID for a field that only executions write, or that is no column.
   */
  save(ref: ResourceRef, version: string, fields: Readonly<Record<string, unknown>>): Promise<boolean>;
  /** Marks the resource with the error of this task; nothing where an execution owns it, or it is gone. */
  mark(ref: ResourceRef, error: StoredError): Promise<void>;
  /** Takes away every mark of a resource that is gone. */
  forget(ref: ResourceRef): Promise<void>;
}

/**
 * What a step writes of what it has seen outside: fields and marks, never a state. Every write looks at the row as it is at
 * that moment, and writes nothing where an execution owns it, where its state is not a stable one, or where the claim of
 * the step is gone.
 */
export class LedgerObservations implements Observations {
  readonly #connection: Connection;
  readonly #registry: ResourceRegistry;
  readonly #step: ObservingStep;

  constructor(connection: Connection, registry: ResourceRegistry, step: ObservingStep) {
    this.#connection = connection;
    this.#registry = registry;
    this.#step = step;
  }

  async look(ref: ResourceRef): Promise<ObservedRow | undefined> {
    const { table } = this.#registry.get(ref.type);
    const { rows } = await this.#connection.query<ObservedRow>(
      `SELECT xmin::text AS version, ${this.#isFree(ref.type)} AS "isFree" FROM ${table.path} WHERE ${table.idColumn} = $1`,
      [ref.id],
    );
    return rows[0];
  }

  async save(ref: ResourceRef, version: string, fields: Readonly<Record<string, unknown>>): Promise<boolean> {
    const { schema } = this.#connection;
    const { table } = this.#registry.get(ref.type);
    const params: unknown[] = [ref.id, version, ...this.#claim(), ref.type, this.#step.task];
    const changes = this.#changes(table, ref.type, fields, params);
    const { rows } = await this.#connection.query(
      `WITH same AS MATERIALIZED (
         SELECT ${table.idColumn} AS same_id FROM ${table.path} AS r
         WHERE ${table.idColumn} = $1 AND xmin::text = $2 AND ${this.#isFree(ref.type)} AND ${this.#holds(3)} FOR UPDATE
       ), written AS (
         ${changes === undefined ? 'SELECT 1' : `UPDATE ${table.path} AS r SET ${changes.set} FROM same WHERE ${table.idColumn} = same_id AND ${changes.differs}`}
       ), cleared AS (
         DELETE FROM ${schema}.resource_mark AS m USING same
         WHERE m.resource_type = $6 AND m.resource_id = $1::text AND m.task = $7 RETURNING m.failures
       ), noted AS (
         INSERT INTO ${schema}.event (at, kind, execution_id, resource_type, resource_id, data)
         SELECT ${schema}.clock(), 'resource.unmarked', $3, $6, $1::text, jsonb_build_object('task', $7::text, 'failures', failures)
         FROM cleared
       ) SELECT 1 FROM same`,
      params,
    );
    return rows.length === 1;
  }

  async mark(ref: ResourceRef, error: StoredError): Promise<void> {
    const { schema } = this.#connection;
    const { table } = this.#registry.get(ref.type);
    await this.#connection.query(
      `WITH same AS MATERIALIZED (
         SELECT 1 FROM ${table.path} AS r WHERE ${table.idColumn} = $1 AND ${this.#isFree(ref.type)} AND ${this.#holds(2)}
         FOR SHARE
       ), marked AS (
         INSERT INTO ${schema}.resource_mark AS m
           (resource_type, resource_id, task, error, execution_id, failures, since, failed_at)
         SELECT $5, $1::text, $6, $7::jsonb, $2, 1, ${schema}.clock(), ${schema}.clock() FROM same
         ON CONFLICT (resource_type, resource_id, task) DO UPDATE SET error = excluded.error,
           execution_id = excluded.execution_id, failures = m.failures + 1, failed_at = excluded.failed_at
         RETURNING failures, error
       ) INSERT INTO ${schema}.event (at, kind, execution_id, resource_type, resource_id, data)
         SELECT ${schema}.clock(), 'resource.marked', $2, $5, $1::text,
           jsonb_build_object('task', $6::text, 'message', error->>'message')
         FROM marked WHERE failures = 1`,
      [ref.id, ...this.#claim(), ref.type, this.#step.task, JSON.stringify(errorJson(error))],
    );
  }

  async forget(ref: ResourceRef): Promise<void> {
    await forgetMarks(this.#connection, ref);
  }

  #claim(): readonly unknown[] {
    return [this.#step.executionId, this.#step.position, this.#step.token];
  }

  #holds(first: number): string {
    return `EXISTS (SELECT 1 FROM ${this.#connection.schema}.step AS s WHERE s.execution_id = $${first}
      AND s.position = $${first + 1} AND s.claim_token = $${first + 2})`;
  }

  #isFree(type: string): string {
    const { definition, table } = this.#registry.get(type);
    const stable = definition.states.stable.map((state) => `'${state.replaceAll("'", "''")}'`).join(', ');
    return `(${table.column('executionId').name} IS NULL AND ${table.column('state').name} IN (${stable}))`;
  }

  #changes(
    table: ResourceTable,
    type: string,
    fields: Readonly<Record<string, unknown>>,
    params: unknown[],
  ): { readonly set: string; readonly differs: string } | undefined {
    const sets: string[] = [];
    const differs: string[] = [];
    for (const [property, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      if (ownedProperties.includes(property) || property === table.idProperty) {
        throw new ReeveError(
          'PLAN_INVALID',
          `pull task "${this.#step.task}" returned "${property}" of ${type}, which only executions write`,
        );
      }
      const { name, json } = table.column(property);
      params.push(json ? JSON.stringify(value) : value);
      sets.push(`${name} = $${params.length}`);
      // The type json cannot be compared, so such a field is always written.
      differs.push(json ? 'true' : `r.${name} IS DISTINCT FROM $${params.length}`);
    }
    if (sets.length === 0) return undefined;
    if (table.updatedColumn !== undefined) sets.push(`${table.updatedColumn} = clock_timestamp()`);
    return { set: sets.join(', '), differs: `(${differs.join(' OR ')})` };
  }
}
