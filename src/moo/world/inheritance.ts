import type { Connection } from '../../executions/connection.ts';
import { sqlState } from '../../executions/sql-state.ts';
import { VerbError } from './verb-error.ts';

/** Two integers that no other software is likely to lock: "reev", "kin ". Taken until the end of the transaction. */
const kinLock = [0x72656576, 0x6b696e20] as const;

/** How many objects one change of parents may touch. */
const mostDescendants = 20_000;

/**
 * Adds a parent, which comes before those that are there, and rebuilds what the object and its descendants inherit.
 *
 * @throws RecursiveError for a cycle, or for a chain of more than 64; the transaction is broken then, so it is to be
 * called behind a savepoint.
 */
export async function insertParent(connection: Connection, child: number, parent: number): Promise<void> {
  const { schema } = connection;
  if (child === parent) throw cycle(child, parent);
  await connection.query('SELECT pg_advisory_xact_lock($1, $2)', [...kinLock]);
  const { rows } = await connection.query(
    `SELECT 1 FROM ${schema}.moo_ancestor WHERE descendant_id = $1 AND ancestor_id = $2`,
    [parent, child],
  );
  if (rows.length > 0) throw cycle(child, parent);
  await connection.query(
    `INSERT INTO ${schema}.moo_parent (child_id, parent_id, weight)
     SELECT $1, $2, coalesce(max(weight), 0) + 1 FROM ${schema}.moo_parent WHERE child_id = $1
     ON CONFLICT (child_id, parent_id) DO NOTHING`,
    [child, parent],
  );
  await rebuildAncestors(connection, child);
}

export async function deleteParent(connection: Connection, child: number, parent: number): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock($1, $2)', [...kinLock]);
  await connection.query(`DELETE FROM ${connection.schema}.moo_parent WHERE child_id = $1 AND parent_id = $2`, [
    child,
    parent,
  ]);
  await rebuildAncestors(connection, child);
}

/** The closure of an object and of everything below it. @throws RecursiveError */
export async function rebuildAncestors(connection: Connection, id: number): Promise<void> {
  const { schema } = connection;
  const { rows } = await connection.query<{ ids: number[] }>(
    `SELECT array_agg(id) AS ids FROM (SELECT $1::int AS id UNION
       SELECT descendant_id FROM ${schema}.moo_ancestor WHERE ancestor_id = $1 LIMIT $2) AS below`,
    [id, mostDescendants + 1],
  );
  const ids = rows[0]?.ids ?? [];
  if (ids.length > mostDescendants) {
    throw new VerbError('QuotaError', `More than ${mostDescendants} objects inherit from #${id}.`);
  }
  await connection.query(`DELETE FROM ${schema}.moo_ancestor WHERE descendant_id = ANY ($1)`, [ids]);
  for (const level of await levelsOf(connection, ids)) await insertClosures(connection, level);
}

/**
 * From the ancestors of the parents, which are there already: so no path is walked twice, however many there are.
 */
async function insertClosures(connection: Connection, ids: readonly number[]): Promise<void> {
  const { schema } = connection;
  try {
    await connection.query(
      `INSERT INTO ${schema}.moo_ancestor (descendant_id, ancestor_id, depth, path)
       SELECT DISTINCT ON (d, a) d, a, depth, path FROM (
         SELECT child_id AS d, parent_id AS a, 1 AS depth, ARRAY[weight] AS path
         FROM ${schema}.moo_parent WHERE child_id = ANY ($1)
         UNION ALL
         SELECT p.child_id, c.ancestor_id, c.depth + 1, p.weight || c.path
         FROM ${schema}.moo_parent p JOIN ${schema}.moo_ancestor c ON c.descendant_id = p.parent_id
         WHERE p.child_id = ANY ($1)) AS up
       ORDER BY d, a, depth, path DESC`,
      [ids],
    );
  } catch (error) {
    if (sqlState(error) !== '23514') throw error;
    throw new VerbError('RecursiveError', `#${ids[0]} would inherit from itself, or from too far away.`);
  }
}

/** Parents before children: each level inherits only from the levels before it, and from objects that do not change. */
async function levelsOf(connection: Connection, ids: readonly number[]): Promise<number[][]> {
  const { rows } = await connection.query<{ child_id: number; parent_id: number }>(
    `SELECT child_id, parent_id FROM ${connection.schema}.moo_parent
     WHERE child_id = ANY ($1) AND parent_id = ANY ($1)`,
    [ids],
  );
  const parents = Map.groupBy(rows, (row) => row.child_id);
  const levels: number[][] = [];
  const done = new Set<number>();
  let left = [...ids];
  while (left.length > 0) {
    const level = left.filter((id) => (parents.get(id) ?? []).every((row) => done.has(row.parent_id)));
    if (level.length === 0) throw new VerbError('RecursiveError', `#${left[0]} would inherit from itself.`);
    for (const id of level) done.add(id);
    left = left.filter((id) => !done.has(id));
    levels.push(level);
  }
  return levels;
}

function cycle(child: number, parent: number): VerbError {
  return new VerbError(
    'RecursiveError',
    `#${parent} inherits from #${child} already; nothing can be its own ancestor.`,
  );
}
