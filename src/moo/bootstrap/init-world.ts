import { fileURLToPath } from 'node:url';
import type { Connection } from '../../executions/connection.ts';
import type { VerbRuntime } from '../runtime.ts';
import { insertDefaultRules, insertRule } from '../world/access.ts';
import { systemId } from '../world/rows.ts';
import { objectIdOf, objectValue, type MooValue } from '../world/values.ts';
import { insertObject } from '../world/write-objects.ts';
import { insertProperty } from '../world/write-properties.ts';
import { World } from '../world/world.ts';
import { loadVerbFolder, type LoadReport } from './load-folder.ts';

/** The verb files that every world begins with, beside `src` and `dist`. */
const coreVerbs = fileURLToPath(new URL('../../../world/', import.meta.url));

/** The first objects by the property of the system object that names them: name, parents, where. */
const firstObjects: readonly (readonly [property: string, name: string, parents: readonly string[], where?: string])[] =
  [
    ['nothing', 'nothing', []],
    ['ambiguous_match', 'ambiguous match', []],
    ['failed_match', 'failed match', []],
    ['root_class', 'root class', []],
    ['room', 'generic room', ['root_class']],
    ['thing', 'generic thing', ['root_class']],
    ['container', 'generic container', ['thing']],
    ['player', 'generic player', ['root_class']],
    ['programmer', 'generic programmer', ['player']],
    ['wizard', 'generic wizard', ['programmer']],
    ['daemon', 'generic daemon', ['thing']],
    ['lobby', 'Lobby', ['room']],
    ['wizard_player', 'Wizard', ['wizard'], 'lobby'],
  ];

const texts: readonly (readonly [object: string, property: string, value: MooValue])[] = [
  ['root_class', 'description', 'You see nothing special.'],
  ['lobby', 'description', 'A quiet room with a high ceiling. Everything begins here.'],
  ['wizard_player', 'description', 'A person with a pointed hat and many keys.'],
];

/** Two integers that no other software is likely to lock: "reev", "init". */
const initLock = [0x72656576, 0x696e6974] as const;

/**
 * Makes the system object, the classes, the lobby, the wizard and their verbs. Idempotent: what is there stays, missing
 * things are added, verbs are brought up to their files.
 */
export async function initWorld(runtime: VerbRuntime): Promise<LoadReport> {
  const transaction = await runtime.pool.begin();
  try {
    const world = new World(transaction.connection);
    await transaction.connection.query('SELECT pg_advisory_xact_lock($1, $2)', [...initLock]);
    await makeSystemObject(transaction.connection);
    const ids = new Map<string, number>();
    for (const entry of firstObjects) await makeFirst(world, ids, entry);
    for (const [object, property, value] of texts) {
      const on = ids.get(object) ?? systemId;
      if ((await world.member(on, property)).property?.originId === on) continue;
      await insertProperty(world, { on, name: property, value, owner: ids.get('wizard_player') ?? null });
    }
    await giveToWizard(transaction.connection, ids.get('wizard_player') ?? 0);
    await transaction.commit();
  } finally {
    await transaction.end();
  }
  return loadVerbFolder(runtime, coreVerbs);
}

async function makeSystemObject(connection: Connection): Promise<void> {
  const { schema } = connection;
  const { count } = await connection.query(
    `INSERT INTO ${schema}.moo_object (id, name) OVERRIDING SYSTEM VALUE VALUES ($1, 'System Object')
     ON CONFLICT (id) DO NOTHING`,
    [systemId],
  );
  if (count === 0) return;
  await connection.query(`SELECT setval(pg_get_serial_sequence('${schema}.moo_object', 'id'), $1)`, [systemId]);
  await insertDefaultRules(connection, 'object', [systemId]);
}

async function makeFirst(
  world: World,
  ids: Map<string, number>,
  [property, name, parents, where]: (typeof firstObjects)[number],
): Promise<void> {
  const known = objectIdOf((await world.member(systemId, property)).property?.value);
  if (known !== undefined) {
    ids.set(property, known);
    return;
  }
  const idOf = (each: string): number => ids.get(each) ?? systemId;
  const id = await insertObject(world, {
    name,
    owner: null,
    location: where === undefined ? null : idOf(where),
    parents: parents.map(idOf),
  });
  ids.set(property, id);
  await insertProperty(world, { on: systemId, name: property, value: objectValue(id), owner: null });
  const isClass = name.startsWith('generic ');
  if (!isClass) return;
  await insertRule(
    world.connection,
    { kind: 'object', id },
    { rule: 'allow', permission: 'derive', who: { grp: 'everyone' } },
  );
}

/** Everything that belongs to nobody yet was made here; the wizard gets it. */
async function giveToWizard(connection: Connection, wizard: number): Promise<void> {
  const { schema } = connection;
  await connection.query(`UPDATE ${schema}.moo_object SET owner_id = $1 WHERE owner_id IS NULL AND id <= $1`, [wizard]);
  await connection.query(`UPDATE ${schema}.moo_property SET owner_id = $1 WHERE owner_id IS NULL AND origin_id <= $1`, [
    wizard,
  ]);
  await connection.query(
    `INSERT INTO ${schema}.moo_player (avatar_id, account, wizard) VALUES ($1, 'wizard', true) ON CONFLICT DO NOTHING`,
    [wizard],
  );
}

export interface Avatar {
  readonly id: number;
  readonly name: string;
  readonly account: string | null;
  readonly wizard: boolean;
}

export async function listAvatars(connection: Connection): Promise<Avatar[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Avatar>(
    `SELECT o.id, o.name, p.account, p.wizard FROM ${schema}.moo_player p JOIN ${schema}.moo_object o ON o.id = p.avatar_id
     ORDER BY o.id LIMIT 10000`,
  );
  return rows;
}

/** By `#id`, account, or name whatever its case; the oldest of several. */
export async function findAvatar(connection: Connection, name: string): Promise<Avatar | undefined> {
  const { schema } = connection;
  const { rows } = await connection.query<Avatar>(
    `SELECT o.id, o.name, p.account, p.wizard FROM ${schema}.moo_player p JOIN ${schema}.moo_object o ON o.id = p.avatar_id
     WHERE '#' || o.id = $1 OR p.account = $1 OR lower(o.name) = lower($1) ORDER BY o.id LIMIT 1`,
    [name],
  );
  return rows[0];
}
