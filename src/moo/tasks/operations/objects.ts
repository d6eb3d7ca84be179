import { deleteParent, insertParent } from '../../world/inheritance.ts';
import { moveObject } from '../move-object.ts';
import { systemId, type ObjectRow } from '../../world/rows.ts';
import { objectIdOf, objectValue, optionalObject, type MooValue } from '../../world/values.ts';
import { permissionError, userError, VerbError } from '../../world/verb-error.ts';
import { objectSubject } from '../../world/world.ts';
import {
  checkedName,
  deleteAlias,
  deleteObject,
  insertAlias,
  insertObject,
  updateObject,
} from '../../world/write-objects.ts';
import { idArg, listArg, objectArg, optionalObjectArg, optionsArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { Perform } from '../perform.ts';
import type { VerbTask } from '../verb-task.ts';

async function readable(task: VerbTask, frame: Frame, id: unknown): Promise<ObjectRow> {
  const row = await task.world.object(idArg(id));
  await task.world.require(callerOf(frame), 'read', objectSubject(row));
  return row;
}

async function writable(task: VerbTask, frame: Frame, id: unknown): Promise<ObjectRow> {
  const row = await task.world.object(idArg(id));
  await task.world.require(callerOf(frame), 'write', objectSubject(row));
  return row;
}

async function parentsOf(task: VerbTask, id: number): Promise<MooValue> {
  const { rows } = await task.world.connection.query<{ id: number }>(
    `SELECT parent_id AS id FROM ${task.world.schema}.moo_parent WHERE child_id = $1 ORDER BY weight DESC`,
    [id],
  );
  return rows.map((row) => objectValue(row.id));
}

async function attribute(task: VerbTask, frame: Frame, row: ObjectRow, name: string): Promise<MooValue> {
  if (name === 'name') return row.name;
  if (name === 'owner') return optionalObject(row.ownerId);
  if (name === 'location') return optionalObject(row.locationId);
  if (name === 'obvious') return row.obvious;
  if (name === 'aliases') return [...row.aliases];
  if (name === 'ancestors') return row.chain.slice(1).map((id) => objectValue(id));
  if (name === 'parents') return parentsOf(task, row.id);
  task.world.onMissed({ id: row.id, name: 'contents' });
  const contents = await task.world.contents(row.id);
  await task.preview(callerOf(frame), contents);
  return contents.map(({ id }) => objectValue(id));
}

async function setAttribute(task: VerbTask, frame: Frame, [id, name, value]: readonly unknown[]): Promise<null> {
  const { world } = task;
  if (name === 'location') {
    await moveObject(task, frame, idArg(id), optionalObjectArg(value, 'The destination'));
    return null;
  }
  if (name === 'owner') {
    const row = await world.object(idArg(id));
    await world.require(callerOf(frame), 'entrust', objectSubject(row));
    const owner = await world.object(objectArg(value, 'The owner'));
    await updateObject(world, row, 'owner_id', owner.id);
    world.forget();
    return null;
  }
  const row = await writable(task, frame, id);
  if (name === 'name') await updateObject(world, row, 'name', checkedName(value));
  else if (name === 'obvious') await updateObject(world, row, 'obvious', value === true);
  else throw userError(`"${String(name)}" cannot be assigned.`);
  return null;
}

/** `transmute` on the child, `derive` on the parent. */
async function kin(task: VerbTask, frame: Frame, [id, parent]: readonly unknown[]): Promise<[number, number]> {
  const { world } = task;
  const child = await world.object(idArg(id));
  await world.require(callerOf(frame), 'transmute', objectSubject(child));
  const above = await world.object(objectArg(parent, 'The parent'));
  await world.require(callerOf(frame), 'derive', objectSubject(above));
  return [child.id, above.id];
}

async function create(task: VerbTask, frame: Frame, [name, given]: readonly unknown[]): Promise<MooValue> {
  const { world, counts, setting } = task;
  const caller = callerOf(frame);
  const options = optionsArg(given, ['owner', 'location', 'parents'], 'create');
  const owner = optionalObjectArg(options['owner'], 'The owner') ?? caller;
  if (owner !== caller) throw permissionError('A new object belongs to the caller.');
  counts.objects += 1;
  if (counts.objects > setting.limits.createdObjects) {
    throw new VerbError('QuotaError', `A task makes at most ${setting.limits.createdObjects} objects.`);
  }
  const thing = objectIdOf((await world.member(systemId, 'thing')).property?.value);
  const listed = options['parents'] === undefined ? undefined : listArg(options['parents'], 'The parents');
  const parents = listed?.map((each) => objectArg(each, 'A parent')) ?? (thing === undefined ? [] : [thing]);
  for (const parent of parents) await world.require(caller, 'derive', objectSubject(await world.object(parent)));
  const id = await insertObject(world, { name: checkedName(name), owner, location: null, parents });
  const location = optionalObjectArg(options['location'], 'The location');
  if (location !== null) await moveObject(task, frame, id, location);
  return objectValue(id);
}

export const objectOperations = {
  create,
  async attribute(task, frame, [id, name]) {
    return attribute(task, frame, await readable(task, frame, id), String(name));
  },
  setAttribute,
  isPlayer: async (task, _frame, [id]) => (await task.world.object(idArg(id))).isPlayer,
  isWizard: async (task, _frame, [id]) => (await task.world.object(idArg(id))).isWizard,
  async makePlayer(task, frame, [id, given]) {
    const { world } = task;
    if ((await world.find(callerOf(frame)))?.isWizard !== true) throw userError('Only wizards can make players.');
    const { account, wizard } = optionsArg(given, ['account', 'wizard'], 'makePlayer');
    const row = await world.object(idArg(id));
    await world.connection.query(
      `INSERT INTO ${world.schema}.moo_player (avatar_id, account, wizard) VALUES ($1, $2, $3)
       ON CONFLICT (avatar_id) DO UPDATE SET account = excluded.account, wizard = excluded.wizard`,
      [row.id, account === undefined ? null : textArg(account, 'The account'), wizard === true],
    );
    world.forget();
    return null;
  },
  async isA(task, _frame, [id, ancestor]) {
    const { chain } = await task.world.object(idArg(id));
    return chain.includes(objectArg(ancestor, 'The ancestor'));
  },
  async find(task, frame, [id, name]) {
    const row = await readable(task, frame, id);
    const wanted = textArg(name, 'The name').toLowerCase();
    const found = await task.world.contents(row.id);
    return found
      .filter((each) => each.name.toLowerCase() === wanted || each.aliases.includes(wanted))
      .map((each) => objectValue(each.id));
  },
  async addParent(task, frame, args) {
    const [child, parent] = await kin(task, frame, args);
    await insertParent(task.world.connection, child, parent);
    task.world.forget();
    return null;
  },
  async removeParent(task, frame, args) {
    const [child, parent] = await kin(task, frame, args);
    await deleteParent(task.world.connection, child, parent);
    task.world.forget();
    return null;
  },
  async addAlias(task, frame, [id, alias]) {
    await insertAlias(task.world, (await writable(task, frame, id)).id, textArg(alias, 'The alias'));
    return null;
  },
  async removeAlias(task, frame, [id, alias]) {
    await deleteAlias(task.world, (await writable(task, frame, id)).id, textArg(alias, 'The alias'));
    return null;
  },
  async recycle(task, frame, [id]) {
    const row = await writable(task, frame, id);
    if (row.id === systemId) throw permissionError('The system object stays.');
    const { verbs } = await task.world.member(row.id, 'recycle');
    if (verbs.length > 0) await task.callVerb(callerOf(frame), { self: row.id, name: 'recycle' }, []);
    await deleteObject(task.world, row);
    return null;
  },
} satisfies Record<string, Perform>;
