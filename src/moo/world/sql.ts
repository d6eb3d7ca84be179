import type { Connection } from '../../executions/connection.ts';
import type { ObjectRow, PropertyRow, VerbRow } from './rows.ts';

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

/** Objects with everything that decides about them, by primary key; those that do not exist are left out. No lock. */
export async function findObjects(connection: Connection, ids: readonly number[]): Promise<ObjectRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<ObjectRow>(
    `SELECT o.id, o.name, o.unique_name AS "uniqueName", o.obvious, o.owner_id AS "ownerId",
       o.location_id AS "locationId", p.avatar_id IS NOT NULL AS "isPlayer", coalesce(p.wizard, false) AS "isWizard",
       coalesce((SELECT array_agg(a.alias) FROM ${schema}.moo_alias a WHERE a.object_id = o.id), '{}') AS aliases,
       o.id || coalesce((SELECT array_agg(c.ancestor_id ORDER BY c.depth, c.path DESC)
         FROM ${schema}.moo_ancestor c WHERE c.descendant_id = o.id), '{}') AS chain,
       ${rulesOf(schema, 'object_id', 'o.id')} AS rules, o.xmin::text AS version
     FROM ${schema}.moo_object o LEFT JOIN ${schema}.moo_player p ON p.avatar_id = o.id WHERE o.id = ANY ($1)`,
    [ids],
  );
  return rows;
}

/** The nearest verbs and the nearest property of a name along one chain of objects. No lock. */
export async function findMember(connection: Connection, chain: readonly number[], name: string): Promise<Member> {
  const [found] = await findMembers(connection, [{ chain, name }]);
  return found ?? { verbs: [], property: undefined };
}

interface MemberRow {
  readonly item: number;
  readonly verb: VerbRow | null;
  readonly property: PropertyRow | null;
}

/** The same for several, in one statement. */
export async function findMembers(
  connection: Connection,
  wanted: readonly { readonly chain: readonly number[]; readonly name: string }[],
): Promise<Member[]> {
  if (wanted.length === 0) return [];
  const { schema } = connection;
  const places = wanted.flatMap(({ chain, name }, item) => chain.map((id, place) => ({ item, place, id, name })));
  const { rows } = await connection.query<MemberRow>(
    `WITH wanted AS (
       SELECT (w->>'item')::int AS item, (w->>'place')::int AS place, (w->>'id')::int AS id, w->>'name' AS name
       FROM jsonb_array_elements($1::jsonb) AS w),
     verb AS (
       SELECT w.item, w.place, v.id FROM wanted w JOIN ${schema}.moo_verb v ON v.origin_id = w.id
       WHERE EXISTS (SELECT 1 FROM ${schema}.moo_verb_name n WHERE n.verb_id = v.id
         AND (n.name = lower(w.name) OR (n.prefix AND starts_with(lower(w.name), n.name))))),
     property AS (
       SELECT DISTINCT ON (w.item) w.item, p.id
       FROM wanted w JOIN ${schema}.moo_property p ON p.origin_id = w.id AND p.name = w.name ORDER BY w.item, w.place)
     SELECT c.item, to_jsonb(f.*) AS verb, NULL::jsonb AS property FROM verb c
       CROSS JOIN LATERAL (SELECT ${verbColumns(schema)} FROM ${schema}.moo_verb v WHERE v.id = c.id) f
       WHERE c.place = (SELECT min(o.place) FROM verb o WHERE o.item = c.item)
     UNION ALL
     SELECT c.item, NULL, to_jsonb(f.*) FROM property c CROSS JOIN LATERAL (
       SELECT p.id, p.origin_id AS "originId", p.owner_id AS "ownerId", p.name, p.value, p.xmin::text AS version,
         ${rulesOf(schema, 'property_id', 'p.id')} AS rules FROM ${schema}.moo_property p WHERE p.id = c.id) f`,
    [JSON.stringify(places)],
  );
  return wanted.map((_, item) => {
    const of = rows.filter((row) => row.item === item);
    return {
      verbs: of.flatMap(({ verb }) => verb ?? []),
      property: of.find(({ property }) => property !== null)?.property ?? undefined,
    };
  });
}

/** For each object the verbs that a typed word may mean on it, with how far away they are defined; the dispatch chooses. */
export async function findCommandVerbs(
  connection: Connection,
  ids: readonly number[],
  word: string,
): Promise<(VerbRow & { readonly onId: number; readonly place: number })[]> {
  const { schema } = connection;
  const { rows } = await connection.query<VerbRow & { onId: number; place: number }>(
    `WITH chain AS (
       SELECT o AS on_id, o AS id, 0 AS depth, '{}'::int[] AS path FROM unnest($1::int[]) AS o
       UNION ALL SELECT c.descendant_id, c.ancestor_id, c.depth, c.path
       FROM ${schema}.moo_ancestor c WHERE c.descendant_id = ANY ($1)),
     placed AS (SELECT *, row_number() OVER (PARTITION BY on_id ORDER BY depth, path DESC) AS place FROM chain)
     SELECT p.on_id AS "onId", p.place::int AS place, ${verbColumns(schema)}
     FROM placed p JOIN ${schema}.moo_verb v ON v.origin_id = p.id
     WHERE EXISTS (SELECT 1 FROM ${schema}.moo_verb_name n WHERE n.verb_id = v.id
       AND (n.name = $2 OR (n.prefix AND starts_with($2, n.name))))
     ORDER BY p.place, v.id`,
    [ids, word.toLowerCase()],
  );
  return rows;
}
