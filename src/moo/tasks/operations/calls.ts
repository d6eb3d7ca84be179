import { compileEval } from '../../world/compile-verb.ts';
import { checkedValue, objectValue, verbValue, type MooValue } from '../../world/values.ts';
import { permissionError, userError } from '../../world/verb-error.ts';
import { objectSubject } from '../../world/world.ts';
import { idArg, listArg, objectArg, recordArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { Perform } from '../perform.ts';
import type { VerbTask } from '../verb-task.ts';

const mostPermissionChanges = 100;

/** The next verb of the same name behind the one that runs, in the order in which verbs are looked for. */
async function passOn(task: VerbTask, frame: Frame, args: readonly MooValue[]): Promise<MooValue> {
  const { verb, self, verbName } = frame;
  if (verb === null || self === null || verbName === null) throw userError('Only a verb can pass through.');
  const { world } = task;
  const { chain } = await world.object(self);
  const place = chain.indexOf(verb.originId);
  const behind = place < 0 ? (await world.object(verb.originId)).chain.slice(1) : chain.slice(place + 1);
  const [next] = await world.alongChain(behind, verbName);
  if (next === undefined) {
    task.setting.logger.debug({ event: 'verb.passthrough', verb: verbName }, 'there is no verb to pass through to');
    return null;
  }
  return task.runVerb(next, { self, name: verbName }, args);
}

function values(task: VerbTask, list: unknown): readonly MooValue[] {
  return listArg(checkedValue(list ?? [], task.setting.limits), 'The arguments') as readonly MooValue[];
}

export const callOperations = {
  async call(task, frame, [id, name, args, kwargs]) {
    const given = recordArg(checkedValue(kwargs ?? {}, task.setting.limits), 'The named arguments');
    const on = { self: idArg(id), name: textArg(name, 'The name of the verb') };
    return task.callVerb(callerOf(frame), on, values(task, args), given as Record<string, MooValue>);
  },
  async member(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    const caller = callerOf(frame);
    await task.world.require(caller, 'read', objectSubject(row));
    const member = await task.world.member(row.id, textArg(name, 'The name'));
    if (member.verbs.length > 0) return { verb: true };
    return { value: await task.readProperty(caller, row.id, String(name)) };
  },
  async verbRef(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    const verb = textArg(name, 'The name of the verb');
    await task.world.verb(row.id, verb);
    return verbValue(row.id, verb);
  },
  passthrough: (task, frame, [args]) => passOn(task, frame, values(task, args)),
  async mooEval(task, frame, [source]) {
    const compiled = compileEval(textArg(source, 'The source'), task.setting.limits.sourceBytes);
    return task.runCode(callerOf(frame), task.setting.player, compiled);
  },
  async pushPerms(task, frame, [who]) {
    const wanted = objectArg(who, 'Whom to act as');
    const caller = callerOf(frame);
    const isSelf = wanted === caller;
    const isWizard = (await task.world.find(caller))?.isWizard === true;
    if (!isSelf && !isWizard) throw userError('Only verbs owned by wizards can modify the task permissions.');
    await task.world.object(wanted);
    if (frame.callers.length > mostPermissionChanges) throw permissionError('Too many nested changes of permissions.');
    frame.callers.push(wanted);
    return null;
  },
  popPerms(_task, frame) {
    if (frame.callers.length > 1) frame.callers.pop();
    return null;
  },
  caller: (_task, frame) => objectValue(callerOf(frame)),
  callerStack: (task) =>
    task.frames.map((frame) => ({
      this: task.self(frame),
      verbName: frame.verbName,
      caller: objectValue(callerOf(frame)),
      origin: frame.verb === null ? null : objectValue(frame.verb.originId),
      previousCaller: frame.previousCaller === null ? null : objectValue(frame.previousCaller),
      player: task.setting.player === null ? null : objectValue(task.setting.player),
    })),
} satisfies Record<string, Perform>;
