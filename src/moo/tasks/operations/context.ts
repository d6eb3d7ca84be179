import { surroundingsOf, resolvePhrase, ambiguous } from '../../parser/resolve-name.ts';
import { checkedValue, objectIdOf, objectValue, verbRefOf, type MooValue } from '../../world/values.ts';
import { userError, VerbError } from '../../world/verb-error.ts';
import { idArg, objectArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { MessageKind } from '../messages.ts';
import type { Perform } from '../perform.ts';
import type { VerbTask } from '../verb-task.ts';

const kinds: readonly MessageKind[] = ['text', 'say', 'emote', 'system'];
const isKind = (value: unknown): value is MessageKind => kinds.some((kind) => kind === value);
const mostScratch = 1_000;

/** A value as people read it. */
async function shown(task: VerbTask, caller: number, value: MooValue): Promise<string> {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  const id = objectIdOf(value);
  if (id !== undefined) return task.world.text(caller, id);
  const ref = verbRefOf(value);
  if (ref !== undefined) return `${ref.name} on ${await task.world.text(caller, ref.id)}`;
  const quoted = async (each: MooValue): Promise<string> =>
    typeof each === 'string' ? JSON.stringify(each) : shown(task, caller, each);
  const parts: string[] = [];
  if (Array.isArray(value)) {
    for (const each of value as readonly MooValue[]) parts.push(await quoted(each));
    return `[${parts.join(', ')}]`;
  }
  for (const [key, each] of Object.entries(value)) parts.push(`${key}: ${await quoted(each)}`);
  return `{${parts.join(', ')}}`;
}

async function text(task: VerbTask, frame: Frame, given: unknown): Promise<string> {
  const caller = callerOf(frame);
  if (typeof given === 'number') return task.world.text(caller, given);
  if (!Array.isArray(given)) return shown(task, caller, given as MooValue);
  const parts: string[] = [];
  for (const each of given as readonly MooValue[]) parts.push(await shown(task, caller, each));
  return parts.join(' ');
}

async function lookup(task: VerbTask, wanted: unknown): Promise<MooValue> {
  const { world, setting } = task;
  if (typeof wanted === 'number') return objectValue((await world.object(idArg(wanted))).id);
  const name = textArg(wanted, 'What to look up');
  const byId = /^#(\d{1,9})$/.exec(name);
  if (byId !== null) return objectValue((await world.object(Number(byId[1]))).id);
  if (setting.player !== null) {
    const around = await surroundingsOf(world, setting.player);
    const meant = await resolvePhrase(world, around, { owner: undefined, name, text: name });
    if (meant.kind === 'one') return objectValue(meant.object.id);
    if (meant.kind === 'many') throw ambiguous(name, meant.objects);
  }
  const { rows } = await world.connection.query<{ id: number }>(
    `SELECT id FROM ${world.schema}.moo_object o WHERE lower(name) = lower($1)
       AND (unique_name OR EXISTS (SELECT 1 FROM ${world.schema}.moo_player p WHERE p.avatar_id = o.id)) LIMIT 2`,
    [name],
  );
  if (rows.length === 1 && rows[0] !== undefined) return objectValue(rows[0].id);
  throw new VerbError('NoSuchObjectError', `There is no '${name}' here.`);
}

export const contextOperations = {
  text: (task, frame, [given]) => text(task, frame, given),
  print(task, _frame, [line]) {
    if (typeof line === 'string') task.setting.output.print(line);
    return null;
  },
  lookup: (task, _frame, [name]) => lookup(task, name),
  async players(task) {
    const { rows } = await task.world.connection.query<{ id: number }>(
      `SELECT avatar_id AS id FROM ${task.world.schema}.moo_player ORDER BY avatar_id LIMIT 10000`,
    );
    return rows.map(({ id }) => objectValue(id));
  },
  async write(task, frame, [player, message, kind]) {
    const caller = await task.world.find(callerOf(frame));
    if (caller?.isWizard !== true) throw userError('Only verbs owned by wizards can write to consoles.');
    const to = objectArg(player, 'Whom to write to');
    const wanted: unknown = kind ?? 'text';
    if (!isKind(wanted)) throw userError(`A kind is one of ${kinds.join(', ')}.`);
    const { player: acting } = task.setting;
    if (wanted === 'system' && (acting === null || (await task.world.find(acting))?.isWizard !== true)) {
      throw userError('Only wizards can write system messages.');
    }
    if ((await task.world.find(to))?.isPlayer !== true) return false;
    task.tell(to, wanted, await text(task, frame, message));
    return true;
  },
  scratchGet: (task, _frame, [key]) => task.scratch.get(String(key)) ?? null,
  scratchSet(task, _frame, [key, value]) {
    if (task.scratch.size >= mostScratch) throw userError('The scratch is full.');
    task.scratch.set(String(key), checkedValue(value, task.setting.limits));
    return null;
  },
} satisfies Record<string, Perform>;
