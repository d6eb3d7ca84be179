import type { JsonValue } from '../core/json.ts';
import type { Connection } from '../executions/connection.ts';
import type { ResourceChange, ResourceRef, ResourceSnapshot, ResourceWrites } from '../executions/resource-writes.ts';
import { insertEvent } from '../executions/sql/insert-event.ts';
import { forgetMarks } from '../executions/sql/forget-marks.ts';
import { deleteExecutionResource } from '../executions/sql/delete-execution-resource.ts';
import { insertExecutionResources } from '../executions/sql/insert-execution-resources.ts';
import type { ResourceRegistry } from './resource-registry.ts';
import type { ResourceTable } from './resource-table.ts';

/**
 * Compare-and-set on the rows of resources, inside transactions of the ledger's: a change names the states that it may
 * start from and whose the row must be, and writes nothing where they do not hold. Every transition leaves an event in
 * the same transaction.
 */
export class ResourceStore implements ResourceWrites {
  readonly #registry: ResourceRegistry;

  constructor(registry: ResourceRegistry) {
    this.#registry = registry;
  }

  async lock(connection: Connection, refs: readonly ResourceRef[]): Promise<void> {
    for (const ref of refs) {
      const { table } = this.#registry.get(ref.type);
      await connection.query(`SELECT 1 FROM ${table.path} WHERE ${table.idColumn} = $1 FOR UPDATE`, [ref.id]);
    }
  }

  async change(connection: Connection, ref: ResourceRef, change: ResourceChange): Promise<boolean> {
    const { table, definition } = this.#registry.get(ref.type);
    const assignments = new Assignments(connection, table, ref.id);
    const transition = change.transition;
    if (transition !== undefined) assignments.set('state', transition.to);
    const taken = change.ownerAfter === undefined ? ownerByState(change, definition.states.stable) : undefined;
    const ownerAfter = change.ownerAfter ?? taken;
    if (ownerAfter !== undefined) assignments.set('executionId', ownerId(ownerAfter, change));
    if (change.runtimeState !== undefined) assignments.set('runtimeState', change.runtimeState);
    if (change.action !== undefined && table.has('action')) assignments.set('action', change.action);
    if (change.actionDetails !== undefined && table.has('actionDetails')) {
      assignments.set('actionDetails', change.actionDetails);
    }
    if (change.error !== undefined) {
      assignments.set('errorMessage', change.error?.message ?? '');
      assignments.set('errorTraceback', change.error?.traceback ?? '');
    }
    for (const [property, value] of Object.entries(change.fields ?? {})) assignments.set(property, value);
    const before = await assignments.run(guard(assignments, change));
    if (before === undefined) return false;
    if (taken !== undefined) await this.#noteOwner(connection, ref, change.executionId, taken);
    if (transition !== undefined && before !== transition.to) {
      await insertEvent(connection, {
        kind: 'resource.transition',
        executionId: change.executionId,
        resource: ref,
        data: { from: before, to: transition.to },
      });
    }
    return true;
  }

  /** A step that takes or frees its resource by itself: the end of the execution must know what it still owns. */
  async #noteOwner(
    connection: Connection,
    ref: ResourceRef,
    executionId: string,
    owner: 'mine' | 'none',
  ): Promise<void> {
    await deleteExecutionResource(connection, executionId, ref);
    if (owner === 'none') return;
    const { states } = this.#registry.get(ref.type).definition;
    const named = (name: string | undefined) => (name === undefined ? null : (states.transitions[name] ?? null));
    const { success, failure } = states.operations.update ?? {};
    const owned = { ...ref, main: true, begin: null, success: named(success), failure: named(failure), forget: null };
    await insertExecutionResources(connection, executionId, [owned]);
  }

  async hold(connection: Connection, ref: ResourceRef, executionId: string): Promise<'held' | 'busy' | 'missing'> {
    const { table } = this.#registry.get(ref.type);
    const owner = table.column('executionId').name;
    const { count } = await connection.query(
      `WITH free AS MATERIALIZED (SELECT ${table.idColumn} AS free_id FROM ${table.path}
         WHERE ${table.idColumn} = $1 AND ${owner} IS NULL FOR UPDATE SKIP LOCKED)
       UPDATE ${table.path} SET ${owner} = $2 FROM free WHERE ${table.idColumn} = free.free_id`,
      [ref.id, executionId],
    );
    if (count === 1) return 'held';
    return (await this.find(connection, ref)) === undefined ? 'missing' : 'busy';
  }

  async remove(connection: Connection, ref: ResourceRef, executionId: string): Promise<boolean> {
    const { table } = this.#registry.get(ref.type);
    const { count } = await connection.query(
      `DELETE FROM ${table.path} WHERE ${table.idColumn} = $1
       AND (${table.column('executionId').name} = $2 OR ${table.column('executionId').name} IS NULL)`,
      [ref.id, executionId],
    );
    if (count !== 1) return false;
    await forgetMarks(connection, ref);
    await insertEvent(connection, { kind: 'resource.deleted', executionId, resource: ref });
    return true;
  }

  async find(connection: Connection, ref: ResourceRef): Promise<ResourceSnapshot | undefined> {
    const { table } = this.#registry.get(ref.type);
    const { rows } = await connection.query<ResourceSnapshot>(
      `SELECT ${table.column('state').name} AS state, ${table.column('executionId').name} AS "executionId"
       FROM ${table.path} WHERE ${table.idColumn} = $1`,
      [ref.id],
    );
    return rows[0];
  }
}

/**
 * Whom a transition by a step leaves as owner: nobody in a stable state; the execution as soon as a row that nobody
 * owned goes into a transient one.
 */
function ownerByState(change: ResourceChange, stable: readonly string[]): 'mine' | 'none' | undefined {
  if (change.transition === undefined) return undefined;
  if (stable.includes(change.transition.to)) return 'none';
  return change.owner === 'any' ? 'mine' : undefined;
}

function ownerId(owner: NonNullable<ResourceChange['ownerAfter']>, change: ResourceChange): string | null {
  if (typeof owner === 'object') return owner.executionId;
  return owner === 'mine' ? change.executionId : null;
}

function guard(assignments: Assignments, change: ResourceChange): string {
  const conditions: string[] = [];
  const owner = assignments.columnOf('executionId');
  const mine = (): string => `${owner} = ${assignments.param(change.executionId)}`;
  if (change.owner === 'free') conditions.push(`${owner} IS NULL`);
  else if (change.owner === 'mine') conditions.push(mine());
  else if (typeof change.owner === 'object')
    conditions.push(`${owner} = ${assignments.param(change.owner.executionId)}`);
  else conditions.push(`(${owner} IS NULL OR ${mine()})`);
  if (change.transition !== undefined) {
    conditions.push(
      `${assignments.columnOf('state')} = ANY (${assignments.param([...change.transition.from])}::text[])`,
    );
  }
  return conditions.join(' AND ');
}

class Assignments {
  readonly #connection: Connection;
  readonly #table: ResourceTable;
  readonly #params: unknown[];
  readonly #sets: string[] = [];

  constructor(connection: Connection, table: ResourceTable, id: string) {
    this.#connection = connection;
    this.#table = table;
    this.#params = [id];
  }

  columnOf(property: string): string {
    return this.#table.column(property).name;
  }

  param(value: unknown): string {
    this.#params.push(value);
    return `$${this.#params.length}`;
  }

  set(property: string, value: JsonValue): void {
    const { name, json } = this.#table.column(property);
    this.#sets.push(`${name} = ${this.param(json ? JSON.stringify(value) : value)}`);
  }

  /** Runs the update; answers the state before it, or undefined when the conditions did not hold. */
  async run(conditions: string): Promise<string | undefined> {
    const { path, idColumn, updatedColumn } = this.#table;
    const state = this.columnOf('state');
    const sets = updatedColumn === undefined ? this.#sets : [...this.#sets, `${updatedColumn} = clock_timestamp()`];
    const { rows } = await this.#connection.query<{ state_before: string }>(
      `WITH before AS MATERIALIZED (
         SELECT ${idColumn} AS id_before, ${state} AS state_before FROM ${path}
         WHERE ${idColumn} = $1 AND ${conditions} FOR UPDATE)
       UPDATE ${path} SET ${sets.length > 0 ? sets.join(', ') : `${state} = ${state}`}
       FROM before WHERE ${idColumn} = before.id_before RETURNING before.state_before`,
      this.#params,
    );
    return rows[0]?.state_before;
  }
}
