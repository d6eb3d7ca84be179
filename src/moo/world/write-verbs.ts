import { insertDefaultRules } from './access.ts';
import type { DobjSpec, IobjSpec } from './rows.ts';
import { userError } from './verb-error.ts';
import { canonicalPreposition } from '../parser/prepositions.ts';
import type { VerbName } from './verb-names.ts';
import type { World } from './world.ts';

export interface NewVerb {
  readonly on: number;
  readonly owner: number | null;
  readonly names: readonly VerbName[];
  readonly source: string;
  readonly compiled: string;
  readonly dobj: DobjSpec;
  readonly iobj: Readonly<Record<string, IobjSpec>>;
  /** The file it was loaded from, under the folder of the world. */
  readonly file: string | null;
}

export async function insertVerb(world: World, verb: NewVerb): Promise<number> {
  const { connection, schema } = world;
  const { rows } = await connection.query<{ id: number }>(
    `INSERT INTO ${schema}.moo_verb (origin_id, owner_id, source, compiled, dobj, iobj, file)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
    [verb.on, verb.owner, verb.source, verb.compiled, verb.dobj, JSON.stringify(verb.iobj), verb.file],
  );
  const id = rows[0]?.id ?? 0;
  await insertNames(world, id, verb.names);
  await insertDefaultRules(connection, 'verb', [id]);
  world.forget();
  return id;
}

async function insertNames(world: World, id: number, names: readonly VerbName[]): Promise<void> {
  await world.connection.query(
    `INSERT INTO ${world.schema}.moo_verb_name (verb_id, place, name, prefix)
     SELECT $1, ord - 1, name, prefix FROM unnest($2::text[], $3::boolean[]) WITH ORDINALITY AS n (name, prefix, ord)`,
    [id, names.map(({ name }) => name), names.map(({ prefix }) => prefix)],
  );
}

/** Everything but owner and rules, which outlive a reload. */
export async function updateVerb(
  world: World,
  id: number,
  verb: Pick<NewVerb, 'source' | 'compiled'> & Partial<Pick<NewVerb, 'names' | 'dobj' | 'iobj' | 'file'>>,
): Promise<void> {
  const { connection, schema } = world;
  await connection.query(
    `UPDATE ${schema}.moo_verb SET source = $2, compiled = $3, dobj = coalesce($4, dobj), iobj = coalesce($5, iobj),
       file = coalesce($6, file), updated_at = ${schema}.clock() WHERE id = $1`,
    [
      id,
      verb.source,
      verb.compiled,
      verb.dobj ?? null,
      verb.iobj === undefined ? null : JSON.stringify(verb.iobj),
      verb.file ?? null,
    ],
  );
  if (verb.names !== undefined) {
    await connection.query(`DELETE FROM ${schema}.moo_verb_name WHERE verb_id = $1`, [id]);
    await insertNames(world, id, verb.names);
  }
  world.forget();
}

export async function updateVerbOwner(world: World, id: number, owner: number | null): Promise<void> {
  await world.connection.query(`UPDATE ${world.schema}.moo_verb SET owner_id = $2 WHERE id = $1`, [id, owner]);
  world.forget();
}

export async function deleteVerb(world: World, id: number): Promise<void> {
  await world.connection.query(`DELETE FROM ${world.schema}.moo_verb WHERE id = $1`, [id]);
  world.forget();
}

export interface StoredVerb {
  readonly source: string;
  readonly file: string | null;
}

export async function readVerbSource(world: World, id: number): Promise<StoredVerb> {
  const { rows } = await world.connection.query<StoredVerb>(
    `SELECT source, file FROM ${world.schema}.moo_verb WHERE id = $1`,
    [id],
  );
  return rows[0] ?? { source: '', file: null };
}

const dobjSpecs: readonly DobjSpec[] = ['this', 'any', 'none', 'either'];
const iobjSpecs: readonly IobjSpec[] = ['this', 'any', 'none'];

/** @throws UserError for a specification that a verb cannot have. */
export function checkedSpecs(dobj: unknown, iobj: unknown): Pick<NewVerb, 'dobj' | 'iobj'> {
  const direct = dobjSpecs.find((each) => each === (dobj ?? 'none'));
  if (direct === undefined) throw userError(`A direct object is one of ${dobjSpecs.join(', ')}.`);
  const entries = Object.entries((iobj ?? {}) as Record<string, unknown>).map(([preposition, spec]) => {
    const canonical = preposition === 'any' ? 'any' : canonicalPreposition(preposition);
    if (canonical === undefined) throw userError(`There is no preposition "${preposition}".`);
    const indirect = iobjSpecs.find((each) => each === spec);
    if (indirect === undefined) throw userError(`An indirect object is one of ${iobjSpecs.join(', ')}.`);
    return [canonical, indirect] as const;
  });
  return { dobj: direct, iobj: Object.fromEntries(entries) };
}
