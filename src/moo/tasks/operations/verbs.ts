import { compileVerb } from '../../world/compile-verb.ts';
import type { VerbRow } from '../../world/rows.ts';
import { permissionError, userError, VerbError } from '../../world/verb-error.ts';
import { parseVerbNames } from '../../world/verb-names.ts';
import { objectSubject, verbSubject } from '../../world/world.ts';
import {
  checkedSpecs,
  deleteVerb,
  insertVerb,
  readVerbSource,
  updateVerb,
  updateVerbOwner,
} from '../../world/write-verbs.ts';
import { readVerbFile } from '../../world/verb-files.ts';
import { verbValue } from '../../world/values.ts';
import { idArg, objectArg, optionsArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { Perform } from '../perform.ts';
import type { VerbTask } from '../verb-task.ts';

/** The verb that the object itself defines, as the caller may change it. */
async function ownVerb(task: VerbTask, frame: Frame, [id, name]: readonly unknown[]): Promise<VerbRow> {
  const row = await task.world.object(idArg(id));
  const verb = await task.world.verb(row.id, textArg(name, 'The name of the verb'));
  if (verb.originId !== row.id)
    throw new VerbError('NoSuchVerbError', `#${row.id} defines no verb "${String(name)}" itself.`);
  await task.world.require(callerOf(frame), 'write', verbSubject(verb));
  return verb;
}

export const verbOperations = {
  async addVerb(task, frame, [id, names, source, given]) {
    const { world, counts, setting } = task;
    const caller = callerOf(frame);
    const row = await world.object(idArg(id));
    await world.require(caller, 'write', objectSubject(row));
    const options = optionsArg(given, ['dobj', 'iobj', 'owner'], 'addVerb');
    const owner = options['owner'] === undefined ? caller : objectArg(options['owner'], 'The owner');
    if (owner !== caller) throw permissionError('A new verb belongs to the caller.');
    counts.verbs += 1;
    if (counts.verbs > setting.limits.createdVerbs) {
      throw new VerbError('QuotaError', `A task makes at most ${setting.limits.createdVerbs} verbs.`);
    }
    const text = typeof source === 'string' ? source : '';
    const parsed = parseVerbNames(textArg(names, 'The name of the verb'));
    await insertVerb(world, {
      on: row.id,
      owner,
      names: parsed,
      source: text,
      compiled: compileVerb(text, setting.limits.sourceBytes),
      ...checkedSpecs(options['dobj'], options['iobj']),
      file: null,
    });
    return verbValue(row.id, parsed[0]?.name ?? '');
  },
  async setVerbCode(task, frame, args) {
    const verb = await ownVerb(task, frame, args);
    const source = typeof args[2] === 'string' ? args[2] : '';
    await updateVerb(task.world, verb.id, { source, compiled: compileVerb(source, task.setting.limits.sourceBytes) });
    return null;
  },
  async setVerbOwner(task, frame, [id, name, owner]) {
    const verb = await task.world.verb(idArg(id), textArg(name, 'The name of the verb'));
    await task.world.require(callerOf(frame), 'entrust', verbSubject(verb));
    const wanted = await task.world.object(objectArg(owner, 'The owner'));
    const caller = await task.world.object(callerOf(frame));
    if (wanted.id !== caller.id && !caller.isWizard) {
      throw permissionError('Only a wizard can make a verb run as somebody else.');
    }
    await updateVerbOwner(task.world, verb.id, wanted.id);
    return null;
  },
  async verbSource(task, frame, [id, name]) {
    const verb = await task.world.verb(idArg(id), textArg(name, 'The name of the verb'));
    await task.world.require(callerOf(frame), 'read', verbSubject(verb));
    return (await readVerbSource(task.world, verb.id)).source;
  },
  async removeVerb(task, frame, args) {
    await deleteVerb(task.world, (await ownVerb(task, frame, args)).id);
    return null;
  },
  async hasVerb(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    return (await task.world.member(row.id, textArg(name, 'The name of the verb'))).verbs.length > 0;
  },
  async verbs(task, frame, [id]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    const { rows } = await task.world.connection.query<{ names: string }>(
      `SELECT (SELECT string_agg(n.name || CASE WHEN n.prefix THEN '*' ELSE '' END, ' ' ORDER BY n.place)
         FROM ${task.world.schema}.moo_verb_name n WHERE n.verb_id = v.id) AS names
       FROM ${task.world.schema}.moo_verb v WHERE origin_id = $1 ORDER BY id LIMIT 10000`,
      [row.id],
    );
    return rows.map(({ names }) => names);
  },
  async reloadVerb(task, frame, args) {
    const verb = await ownVerb(task, frame, args);
    const { folder, limits } = task.setting;
    const { file } = await readVerbSource(task.world, verb.id);
    if (file === null || folder === undefined) throw userError('That verb was not loaded from a file.');
    const { source, header } = await readVerbFile(folder, file);
    await updateVerb(task.world, verb.id, {
      source,
      compiled: compileVerb(source, limits.sourceBytes),
      names: parseVerbNames(header.names),
      ...checkedSpecs(header.dobj, header.iobj),
    });
    return null;
  },
} satisfies Record<string, Perform>;
