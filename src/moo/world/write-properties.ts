import { insertDefaultRules } from './access.ts';
import type { PropertyRow } from './rows.ts';
import type { MooValue } from './values.ts';
import { WorldConflict } from './verb-error.ts';
import { checkedName } from './write-objects.ts';
import type { World } from './world.ts';

/** @throws WorldConflict when another transaction was first with the same name. */
export async function insertProperty(
  world: World,
  property: { readonly on: number; readonly name: string; readonly value: MooValue; readonly owner: number | null },
): Promise<void> {
  const { connection, schema } = world;
  const { rows } = await connection.query<{ id: number }>(
    `INSERT INTO ${schema}.moo_property (origin_id, name, value, owner_id) VALUES ($1, $2, $3, $4)
     ON CONFLICT (origin_id, name) DO NOTHING RETURNING id`,
    [property.on, checkedName(property.name), JSON.stringify(property.value), property.owner],
  );
  const [row] = rows;
  if (row === undefined) throw new WorldConflict(`property "${property.name}" of #${property.on} exists by now`);
  await insertDefaultRules(connection, 'property', [row.id]);
  world.forget(property.on);
}

/** @throws WorldConflict when another transaction has changed the value since it was read here: no update is lost. */
export async function updateProperty(world: World, row: PropertyRow, value: MooValue): Promise<void> {
  const { count } = await world.connection.query(
    `UPDATE ${world.schema}.moo_property SET value = $2 WHERE id = $1 AND xmin::text = $3`,
    [row.id, JSON.stringify(value), row.version],
  );
  if (count === 0) throw new WorldConflict(`property "${row.name}" of #${row.originId} was changed by another task`);
  world.forget(row.originId);
}

export async function deleteProperty(world: World, row: PropertyRow): Promise<void> {
  await world.connection.query(`DELETE FROM ${world.schema}.moo_property WHERE id = $1`, [row.id]);
  world.forget(row.originId);
}
