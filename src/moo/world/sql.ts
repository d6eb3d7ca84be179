import type { Connection } from '../../executions/connection.ts';
import { systemId, type ObjectRow, type PropertyRow, type VerbRow } from './rows.ts';

/** What a name means on an object: several verbs only where one object defines it twice. */
export interface Member {
  readonly verbs: readonly VerbRow[];
  readonly property: PropertyRow | undefined;
}

const rulesOf = (schema: string, column: string, id: string): string =>
  `coalesce((SELECT jsonb_agg(jsonb_build_object('rule', a.rule, 'permission', a.permission,
     'accessor', a.accessor_id, 'grp', a.grp)) FROM ${schema}.moo_access a WHERE a.${column} = ${id}), '[]')`;

const verbColumns = (schema: string): string =>
  `v.id, v.origin_id AS "originId", v.owner_id AS "ownerId", v.compiled, v.dobj, v.iobj,
   (SELECT array_agg(n.name || CASE WHEN n.prefix THEN '*' ELSE '' END ORDER BY n.place)
     FROM ${schema}.moo_verb_name n WHERE n.verb_id = v.id) AS names,
   ${rulesOf(schema, 'verb_id', 'v.id')} AS rules`;

const objectColumns = (schema: string): string =>
  `o.id, o.name, o.unique_name AS "uniqueName", o.obvious, o.owner_id AS "ownerId",
   o.location_id AS "locationId", p.avatar_id IS NOT NULL AS "isPlayer", coalesce(p.wizard, false) AS "isWizard",
   coalesce((SELECT array_agg(a.alias) FROM ${schema}.moo_alias a WHERE a.object_id = o.id), '{}') AS aliases,
   o.id || coalesce((SELECT array_agg(c.ancestor_id ORDER BY c.depth, c.path DESC)
     FROM ${schema}.moo_ancestor c WHERE c.descendant_id = o.id), '{}') AS chain,
   ${rulesOf(schema, 'object_id', 'o.id')} AS rules, o.xmin::text AS version`;

/** Objects with everything that decides about them, by primary key; those that do not exist are left out. No lock. */
export async function findObjects(connection: Connection, ids: readonly number[]): Promise<ObjectRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ObjectRow>(
    `SELECT ${objectColumns(schema)}
     FROM ${schema}.moo_object o LEFT JOIN ${schema}.moo_player p ON p.avatar_id = o.id WHERE o.id = ANY ($1)`,
    [ids],
  );
  return rows;
}

/** Whether commands of the same player that were given before, or after, have not ended. */
export interface Turn {
  readonly hasEarlier: boolean;
  readonly hasLater: boolean;
}

/**
 * A player, what he carries, where he is, what is there, the system object, and others, by id; and whether it is the turn of this
 * command: ids of executions grow with time, so the order is that in which commands were given. By the index
 * execution_of_player; no lock. What the earlier commands have written is seen, or they are.
 */
export async function findNearby(
  connection: Connection,
  {
    player,
    executionId,
    others,
  }: { readonly player: number; readonly executionId: string; readonly others: readonly number[] },
): Promise<(ObjectRow & Turn)[]> {
  const { schema } = connection;
  const rivals = (order: string): string => `EXISTS (SELECT 1 FROM ${schema}.execution AS e WHERE e.active
    AND e.executor = 'verbs.parseCommand' AND (e.input->>'caller')::integer = $1 AND e.id ${order} $2 AND e.state <> 'paused')`;
  const { rows } = await connection.query<ObjectRow & Turn>(
    `WITH me AS MATERIALIZED (SELECT id, location_id FROM ${schema}.moo_object WHERE id = $1),
     near AS MATERIALIZED (SELECT id FROM me UNION SELECT location_id FROM me UNION SELECT unnest($3::int[])
       UNION SELECT i.id FROM me JOIN ${schema}.moo_object i ON i.location_id = me.id
       UNION SELECT i.id FROM me JOIN ${schema}.moo_object i ON i.location_id = me.location_id)
     SELECT ${objectColumns(schema)}, ${rivals('<')} AS "hasEarlier", ${rivals('>')} AS "hasLater"
     FROM near JOIN ${schema}.moo_object o USING (id) LEFT JOIN ${schema}.moo_player p ON p.avatar_id = o.id
     ORDER BY o.id`,
    [player, executionId, [systemId, ...others]],
  );
  return rows;
}

/** A name, and an object that may define it itself. */
export interface OwnName {
  readonly id: number;
  readonly name: string;
}

/** What an object itself defines under a name: several verbs only where it defines the name twice. */
export interface OwnMember extends OwnName {
  readonly verb: VerbRow | null;
  readonly property: PropertyRow | null;
}

/** The verbs, whatever the case of the name, and the properties that objects define themselves. No lock. */
export async function findOwnMembers(connection: Connection, wanted: readonly OwnName[]): Promise<OwnMember[]> {
  if (wanted.length === 0) return [];
  const { schema } = connection;
  const { rows } = await connection.query<OwnMember>(
    `WITH wanted AS MATERIALIZED (SELECT * FROM unnest($1::int[], $2::text[]) AS w(id, name))
     SELECT w.id, w.name, to_jsonb(f.*) AS verb, NULL::jsonb AS property
     FROM wanted w CROSS JOIN LATERAL (SELECT ${verbColumns(schema)} FROM ${schema}.moo_verb v
       WHERE v.origin_id = w.id AND EXISTS (SELECT 1 FROM ${schema}.moo_verb_name n WHERE n.verb_id = v.id
         AND (n.name = lower(w.name) OR (n.prefix AND starts_with(lower(w.name), n.name)))) ORDER BY v.id) f
     UNION ALL
     SELECT w.id, w.name, NULL, to_jsonb(f.*) FROM wanted w CROSS JOIN LATERAL (
       SELECT p.id, p.origin_id AS "originId", p.owner_id AS "ownerId", p.name, p.value, p.xmin::text AS version,
         ${rulesOf(schema, 'property_id', 'p.id')} AS rules
       FROM ${schema}.moo_property p WHERE p.origin_id = w.id AND p.name = w.name) f`,
    [wanted.map(({ id }) => id), wanted.map(({ name }) => name)],
  );
  return rows;
}
