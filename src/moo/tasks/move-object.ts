import { permissionError, VerbError } from '../world/verb-error.ts';
import { objectSubject } from '../world/world.ts';
import { holdContainers, isInside, updateObject } from '../world/write-objects.ts';
import { callerOf, type Frame } from './frames.ts';
import { objectValue } from '../world/values.ts';
import { startVerb } from './start-verb.ts';
import type { VerbTask } from './verb-task.ts';

/**
 * Puts an object somewhere, if its mover may and its destination accepts it. The old place's `exitfunc` and the new
 * place's `enterfunc` run after the commit, in tasks of their own, for the player who acted.
 *
 * @throws RecursiveError, PermissionError
 */
export async function moveObject(task: VerbTask, frame: Frame, id: number, to: number | null): Promise<void> {
  const { world } = task;
  const caller = callerOf(frame);
  const row = await world.object(id);
  if (to !== null) {
    await holdContainers(world, to);
    if (await isInside(world, to, id)) {
      const [inner, outer] = [await world.text(caller, to), await world.text(caller, id)];
      throw new VerbError('RecursiveError', `${outer} already contains ${inner}`);
    }
  }
  await world.require(caller, 'move', objectSubject(row));
  if (to !== null) await askDestination(task, caller, id, to);
  const before = (await world.object(id)).locationId;
  await updateObject(world, await world.object(id), 'location_id', to);
  if (before !== null && before !== to) await startHook(task, caller, { place: before, name: 'exitfunc', thing: id });
  if (to !== null && before !== to) await startHook(task, caller, { place: to, name: 'enterfunc', thing: id });
}

async function askDestination(task: VerbTask, caller: number, id: number, to: number): Promise<void> {
  const { world } = task;
  const { verbs } = await world.member(to, 'accept');
  const accepted = verbs.length > 0 && (await task.callVerb(caller, { self: to, name: 'accept' }, [objectValue(id)]));
  const isYes = accepted !== false && accepted !== null && accepted !== 0 && accepted !== '';
  if (isYes) return;
  throw permissionError(`${await world.text(caller, to)} did not accept ${await world.text(caller, id)}`);
}

async function startHook(
  task: VerbTask,
  caller: number,
  { place, name, thing }: { readonly place: number; readonly name: string; readonly thing: number },
): Promise<void> {
  const { verbs } = await task.world.member(place, name);
  if (verbs.length === 0) return;
  await startVerb(task, { caller, this: place, verb: name, args: [objectValue(thing)], kwargs: {}, callback: null }, 0);
}
