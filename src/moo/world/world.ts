import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../../executions/connection.ts';
import { allows } from './access.ts';
import type { ObjectRow, Permission, PropertyRow, Subject, VerbRow } from './rows.ts';
import {
  findNearby,
  findObjects,
  findOwnMembers,
  type Member,
  type OwnMember,
  type OwnName,
  type Turn,
} from './sql.ts';
import { VerbError, permissionError } from './verb-error.ts';

/**
 * The world as one task sees it: read once and remembered, because a task asks for the same things again and again.
 * Whatever the task writes it forgets here; a savepoint that is rolled back forgets everything.
 */
export class World {
  readonly connection: Connection;
  #objects = new Map<number, ObjectRow | undefined>();
  /** What is in an object. */
  #contents = new Map<number, readonly number[]>();
  /** What an object itself defines under a name, by both. */
  #own = new Map<string, readonly OwnMember[]>();
  /** The first names that were read, for {@link preview}. */
  readonly #names = new Set<string>();
  /** Called with each name that has to be read by itself. */
  onMissed: (missed: OwnName) => void = () => undefined;

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
    const known = this.#contents.get(id);
    if (known !== undefined) return this.load(known);
    const { rows } = await this.connection.query<{ id: number }>(
      `SELECT id FROM ${this.schema}.moo_object WHERE location_id = $1 ORDER BY id`,
      [id],
    );
    const ids = rows.map((row) => row.id);
    this.#contents.set(id, ids);
    return this.load(ids);
  }

  /** Reads in one statement what a command of a player may be about, and whether it is its turn. */
  async loadNearby(player: number, executionId: string, others: readonly number[]): Promise<Turn> {
    const rows = await findNearby(this.connection, { player, executionId, others });
    this.#objects.set(player, undefined);
    for (const { hasEarlier: _earlier, hasLater: _later, ...row } of rows) this.#objects.set(row.id, row);
    for (const place of [player, this.#objects.get(player)?.locationId ?? player]) {
      this.#contents.set(
        place,
        rows.filter(({ locationId }) => locationId === place).map(({ id }) => id),
      );
    }
    const { hasEarlier = false, hasLater = false } = rows[0] ?? {};
    return { hasEarlier, hasLater };
  }

  /** The verb and the property of that name that the object has or inherits; the nearest of each. */
  async member(id: number, name: string): Promise<Member> {
    const { chain } = await this.object(id);
    if (!this.#own.has(keyOf({ id, name }))) this.onMissed({ id, name });
    return this.#alongChain(chain, name);
  }

  /** Several names at once, for what is about to be asked for one by one. */
  async prefetch(wanted: readonly OwnName[]): Promise<void> {
    const rows = await this.load([...new Set(wanted.map(({ id }) => id))]);
    const chains = new Map(rows.map((row) => [row.id, row.chain]));
    await this.#loadOwn(wanted.flatMap(({ id, name }) => (chains.get(id) ?? []).map((of) => ({ id: of, name }))));
  }

  /** For each object the verbs that a typed word may mean on it, with how far away they are defined; nearest first. */
  async commandVerbs(objects: readonly ObjectRow[], word: string): Promise<CommandVerb[]> {
    const name = word.toLowerCase();
    await this.#loadOwn(objects.flatMap(({ chain }) => chain.map((id) => ({ id, name }))));
    return objects.flatMap(({ id: onId, chain }) =>
      chain.flatMap((id, place) =>
        (this.#own.get(keyOf({ id, name })) ?? []).flatMap(({ verb }) =>
          verb === null ? [] : [{ ...verb, onId, place }],
        ),
      ),
    );
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
    return (await this.#alongChain(chain, name)).verbs;
  }

  async #alongChain(chain: readonly number[], name: string): Promise<Member> {
    await this.#loadOwn(chain.map((id) => ({ id, name })));
    let verbs: readonly VerbRow[] = [];
    let property: PropertyRow | undefined;
    for (const id of chain) {
      const own = this.#own.get(keyOf({ id, name })) ?? [];
      if (verbs.length === 0) verbs = own.flatMap(({ verb }) => verb ?? []);
      property ??= own.flatMap((each) => each.property ?? [])[0];
    }
    return { verbs, property };
  }

  async #loadOwn(wanted: readonly OwnName[]): Promise<void> {
    const missing = new Map<string, OwnName>();
    for (const each of wanted) {
      const key = keyOf(each);
      if (!this.#own.has(key)) missing.set(key, each);
    }
    if (missing.size === 0) return;
    const found = Map.groupBy(await findOwnMembers(this.connection, [...missing.values()]), keyOf);
    for (const [key, { name }] of missing) {
      this.#own.set(key, found.get(key) ?? []);
      if (this.#names.size < mostPreviewedNames) this.#names.add(name);
    }
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

  /**
   * What is known of an object already and somebody may read: so that a frame can be told it beforehand. Undefined where
   * he may not read the object, or where nothing is known.
   */
  async preview(who: number, id: number): Promise<Preview | undefined> {
    const row = this.#objects.get(id);
    const isKnown = row !== undefined && this.#objects.has(who);
    if (!isKnown || !(await this.isAllowed(who, 'read', objectSubject(row)))) return undefined;
    const props: Record<string, JsonValue> = {};
    const has: Record<string, boolean> = {};
    for (const name of this.#names) {
      if (!row.chain.every((of) => this.#own.has(keyOf({ id: of, name })))) continue;
      const { verbs, property } = await this.#alongChain(row.chain, name);
      has[name] = property !== undefined;
      if (verbs.length > 0 || property === undefined || !isSmall(property.value)) continue;
      if (await this.isAllowed(who, 'read', propertySubject(property))) props[name] = property.value;
    }
    const contents = this.#contents.get(id);
    const { name, obvious, isPlayer } = row;
    return { name, obvious, isPlayer, props, has, ...(contents === undefined ? {} : { contents }) };
  }

  /** Everything that depends on one object, its ancestors or its rules. */
  forget(id?: number): void {
    if (id === undefined) this.#objects = new Map();
    else this.#objects.delete(id);
    this.#contents = new Map();
    this.#own = new Map();
  }
}

/** What a frame is told of an object before it asks. Of properties those that are small and hidden by no verb. */
export interface Preview {
  readonly name: string;
  readonly obvious: boolean;
  readonly isPlayer: boolean;
  readonly props?: Readonly<Record<string, JsonValue>>;
  /** Whether there is a property of that name. */
  readonly has?: Readonly<Record<string, boolean>>;
  readonly contents?: readonly number[];
}

const mostPreviewedBytes = 2_000;
/** So that a frame costs no more because its task has asked for many names. */
const mostPreviewedNames = 40;

function isSmall(value: JsonValue): boolean {
  return JSON.stringify(value).length <= mostPreviewedBytes;
}

/** A verb that a word may mean on an object. */
export type CommandVerb = VerbRow & { readonly onId: number; readonly place: number };

function keyOf({ id, name }: OwnName): string {
  return `${id}:${name}`;
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
