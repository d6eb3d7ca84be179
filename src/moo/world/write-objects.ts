import { insertDefaultRules } from './access.ts';
import { insertParent, rebuildAncestors } from './inheritance.ts';
import type { ObjectRow } from './rows.ts';
import { userError, VerbError, WorldConflict } from './verb-error.ts';
import type { World } from './world.ts';

export interface NewObject {
  readonly name: string;
  readonly owner: number | null;
  readonly location: number | null;
  readonly parents: readonly number[];
}

/** Rights are the caller's matter; here stands only what the tables need. */
export async function insertObject(world: World, object: NewObject): Promise<number> {
  const { connection, schema } = world;
  const { rows } = await connection.query<{ id: number }>(
    `INSERT INTO ${schema}.moo_object (name, owner_id, location_id) VALUES ($1, $2, $3) RETURNING id`,
    [checkedName(object.name), object.owner, object.location],
  );
  const id = rows[0]?.id ?? 0;
  await insertDefaultRules(connection, 'object', [id]);
  for (const parent of object.parents.toReversed()) await insertParent(connection, id, parent);
  world.forget(id);
  return id;
}

export function checkedName(name: unknown): string {
  if (typeof name === 'string' && name.length >= 1 && name.length <= 255 && !name.includes('\u0000')) return name;
  throw userError('A name has 1 to 255 characters.');
}

type ObjectColumn = 'name' | 'obvious' | 'owner_id' | 'location_id';

/** @throws WorldConflict when another transaction has changed the row since it was read here. */
export async function updateObject(
  world: World,
  row: ObjectRow,
  column: ObjectColumn,
  value: string | boolean | number | null,
): Promise<void> {
  const { count } = await world.connection.query(
    `UPDATE ${world.schema}.moo_object SET ${column} = $2 WHERE id = $1 AND xmin::text = $3`,
    [row.id, value, row.version],
  );
  if (count === 0) throw new WorldConflict(`object #${row.id} was changed by another task`);
  world.forget(row.id);
}

/** Deletes a row; what it held lies in nothing, what it owned belongs to nobody, its children inherit less. */
export async function deleteObject(world: World, row: ObjectRow): Promise<void> {
  const { connection, schema } = world;
  const { rows } = await connection.query<{ child_id: number }>(
    `SELECT child_id FROM ${schema}.moo_parent WHERE parent_id = $1`,
    [row.id],
  );
  const { count } = await connection.query(`DELETE FROM ${schema}.moo_object WHERE id = $1`, [row.id]);
  if (count === 0) throw new VerbError('NoSuchObjectError', `There is no object #${row.id}.`);
  for (const { child_id } of rows) await rebuildAncestors(connection, child_id);
  world.forget();
}

/** Whether `inner` is inside `outer`, however deep; also when it is the same object. */
export async function isInside(world: World, inner: number, outer: number): Promise<boolean> {
  const { rows } = await world.connection.query(
    `WITH RECURSIVE up (id, depth) AS (SELECT $1::int, 0 UNION
       SELECT o.location_id, u.depth + 1 FROM up u JOIN ${world.schema}.moo_object o ON o.id = u.id
       WHERE o.location_id IS NOT NULL AND u.depth < 1000)
     SELECT 1 FROM up WHERE id = $2 LIMIT 1`,
    [inner, outer],
  );
  return rows.length > 0;
}

/** Keeps the containers of a destination where they are until the commit, so that two moves cannot close a circle. */
export async function holdContainers(world: World, id: number): Promise<void> {
  await world.connection.query(
    `SELECT 1 FROM ${world.schema}.moo_object WHERE id IN (
       WITH RECURSIVE up (id, depth) AS (SELECT $1::int, 0 UNION
         SELECT o.location_id, u.depth + 1 FROM up u JOIN ${world.schema}.moo_object o ON o.id = u.id
         WHERE o.location_id IS NOT NULL AND u.depth < 1000)
       SELECT id FROM up) ORDER BY id FOR SHARE`,
    [id],
  );
}

export async function insertAlias(world: World, id: number, alias: string): Promise<void> {
  await world.connection.query(
    `INSERT INTO ${world.schema}.moo_alias (object_id, alias) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
    [id, checkedName(alias).toLowerCase()],
  );
  world.forget(id);
}

export async function deleteAlias(world: World, id: number, alias: string): Promise<void> {
  await world.connection.query(`DELETE FROM ${world.schema}.moo_alias WHERE object_id = $1 AND alias = $2`, [
    id,
    alias.toLowerCase(),
  ]);
  world.forget(id);
}
