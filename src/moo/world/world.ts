import type { Connection } from '../../executions/connection.ts';
import { allows } from './access.ts';
import type { ObjectRow, Permission, PropertyRow, Subject, VerbRow } from './rows.ts';
import { findMember, findMembers, findObjects, type Member } from './sql.ts';
import { VerbError, permissionError } from './verb-error.ts';

/**
 * The world as one task sees it: read once and remembered, because a task asks for the same things again and again.
 * Whatever the task writes it forgets here; a savepoint that is rolled back forgets everything.
 */
export class World {
  readonly connection: Connection;
  #objects = new Map<number, ObjectRow | undefined>();
  #members = new Map<string, Member>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get schema(): string {
    return this.connection.schema;
  }

  /** @throws NoSuchObjectError */
  async object(id: number): Promise<ObjectRow> {
    const row = await this.find(id);
    if (row !== undefined) return row;
    throw new VerbError('NoSuchObjectError', `There is no object #${id}.`);
  }

  async find(id: number): Promise<ObjectRow | undefined> {
    if (!this.#objects.has(id)) await this.load([id]);
    return this.#objects.get(id);
  }

  /** The objects that exist, in the order asked for. */
  async load(ids: readonly number[]): Promise<ObjectRow[]> {
    const missing = ids.filter((id) => !this.#objects.has(id));
    if (missing.length > 0) {
      for (const id of missing) this.#objects.set(id, undefined);
      for (const row of await findObjects(this.connection, missing)) this.#objects.set(row.id, row);
    }
    return ids.flatMap((id) => this.#objects.get(id) ?? []);
  }

  async contents(id: number): Promise<ObjectRow[]> {
    const { rows } = await this.connection.query<{ id: number }>(
      `SELECT id FROM ${this.schema}.moo_object WHERE location_id = $1 ORDER BY id`,
      [id],
    );
    return this.load(rows.map((row) => row.id));
  }

  /** The verb and the property of that name that the object has or inherits; the nearest of each. */
  async member(id: number, name: string): Promise<Member> {
    const key = `${id}:${name}`;
    const known = this.#members.get(key);
    if (known !== undefined) return known;
    const { chain } = await this.object(id);
    const found = await findMember(this.connection, chain, name);
    this.#members.set(key, found);
    return found;
  }

  /** Several names at once, for what is about to be asked for one by one. */
  async prefetch(wanted: readonly { readonly id: number; readonly name: string }[]): Promise<void> {
    const missing = wanted.filter(({ id, name }) => !this.#members.has(`${id}:${name}`));
    const rows = await this.load([...new Set(missing.map(({ id }) => id))]);
    const chains = new Map(rows.map((row) => [row.id, row.chain]));
    const found = await findMembers(
      this.connection,
      missing.flatMap(({ id, name }) => (chains.has(id) ? [{ chain: chains.get(id) ?? [], name }] : [])),
    );
    let index = 0;
    for (const { id, name } of missing) {
      if (!chains.has(id)) continue;
      this.#members.set(`${id}:${name}`, found[index] ?? { verbs: [], property: undefined });
      index += 1;
    }
  }

  /** @throws NoSuchVerbError, AmbiguousVerbError */
  async verb(id: number, name: string): Promise<VerbRow> {
    const { verbs } = await this.member(id, name);
    const [verb] = verbs;
    if (verbs.length > 1) {
      throw new VerbError('AmbiguousVerbError', `More than one verb of #${verb?.originId} is called "${name}".`);
    }
    if (verb === undefined) throw new VerbError('NoSuchVerbError', "I don't know how to do that.");
    return verb;
  }

  /** @throws NoSuchPropertyError */
  async property(id: number, name: string): Promise<PropertyRow> {
    const { property } = await this.member(id, name);
    if (property !== undefined) return property;
    throw new VerbError('NoSuchPropertyError', `There is no '${name}' property defined.`);
  }

  /** The nearest verbs of a name along a part of a chain. */
  async alongChain(chain: readonly number[], name: string): Promise<readonly VerbRow[]> {
    return (await findMember(this.connection, chain, name)).verbs;
  }

  /** Whether rules let somebody do something; the owner alone may always `grant`. Nobody may do nothing. */
  async isAllowed(who: number | null, permission: Permission, subject: Subject): Promise<boolean> {
    if (who === null) return false;
    const accessor = await this.find(who);
    return accessor !== undefined && allows(accessor, permission, subject);
  }

  /** @throws PermissionError that names the subject only to those who may read it. */
  async require(who: number | null, permission: Permission, subject: Subject): Promise<void> {
    if (await this.isAllowed(who, permission, subject)) return;
    const caller = who === null ? 'Nobody' : `#${who}`;
    throw permissionError(`${caller} is not allowed to '${permission}' on ${await this.#described(who, subject)}`);
  }

  async #described(who: number | null, subject: Subject): Promise<string> {
    if (subject.kind !== 'object') return `${subject.kind} {${subject.id}}`;
    return this.text(who, subject.id);
  }

  /** How an object is written for somebody: with its name only if he may read it. */
  async text(who: number | null, id: number): Promise<string> {
    const row = await this.find(id);
    if (row === undefined) return `#${id} (nothing)`;
    const isReadable = await this.isAllowed(who, 'read', objectSubject(row));
    return `#${id} (${isReadable ? row.name : 'unreadable'})`;
  }

  /** Everything that depends on one object, its ancestors or its rules. */
  forget(id?: number): void {
    if (id === undefined) this.#objects = new Map();
    else this.#objects.delete(id);
    this.#members = new Map();
  }
}

export function objectSubject(row: ObjectRow): Subject {
  return { kind: 'object', id: row.id, ownerId: row.ownerId, rules: row.rules };
}

export function verbSubject(row: VerbRow): Subject {
  return { kind: 'verb', id: row.id, ownerId: row.ownerId, rules: row.rules };
}

export function propertySubject(row: PropertyRow): Subject {
  return { kind: 'property', id: row.id, ownerId: row.ownerId, rules: row.rules };
}
