import { deleteRules, insertRule } from '../../world/access.ts';
import type { Subject } from '../../world/rows.ts';
import { userError } from '../../world/verb-error.ts';
import { objectSubject, propertySubject, verbSubject } from '../../world/world.ts';
import { accessorArg, idArg, optionsArg, permissionArg, textArg } from '../arguments.ts';
import { callerOf, type Frame } from '../frames.ts';
import type { Perform } from '../perform.ts';
import type { VerbTask } from '../verb-task.ts';

async function subjectOf(task: VerbTask, id: number, on: unknown): Promise<Subject> {
  const { verb, property } = optionsArg(on, ['verb', 'property'], 'The third argument');
  if (verb !== undefined && property !== undefined) throw userError('Name a verb or a property, not both.');
  if (verb !== undefined) return verbSubject(await task.world.verb(id, textArg(verb, 'The verb')));
  if (property !== undefined) return propertySubject(await task.world.property(id, textArg(property, 'The property')));
  return objectSubject(await task.world.object(id));
}

async function change(
  task: VerbTask,
  frame: Frame,
  rule: 'allow' | 'deny' | 'revoke',
  [id, permission, who, on]: readonly unknown[],
): Promise<null> {
  const subject = await subjectOf(task, idArg(id), on);
  await task.world.require(callerOf(frame), 'grant', subject);
  const wanted = { permission: permissionArg(permission), who: accessorArg(who) };
  if ('accessor' in wanted.who) await task.world.object(wanted.who.accessor);
  if (rule === 'revoke') await deleteRules(task.world.connection, subject, wanted);
  else await insertRule(task.world.connection, subject, { rule, ...wanted });
  task.world.forget();
  return null;
}

export const accessOperations = {
  allow: (task, frame, args) => change(task, frame, 'allow', args),
  deny: (task, frame, args) => change(task, frame, 'deny', args),
  revoke: (task, frame, args) => change(task, frame, 'revoke', args),
  async can(task, frame, [id, permission]) {
    const row = await task.world.object(idArg(id));
    return task.world.isAllowed(callerOf(frame), permissionArg(permission), objectSubject(row));
  },
  async rules(task, frame, [id]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    return row.rules.map((rule) => `${rule.rule} ${rule.grp ?? `#${rule.accessor}`} ${rule.permission}`);
  },
} satisfies Record<string, Perform>;
