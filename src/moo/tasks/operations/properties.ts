import { deleteProperty, insertProperty, updateProperty } from '../../world/write-properties.ts';
import { checkedValue } from '../../world/values.ts';
import { VerbError } from '../../world/verb-error.ts';
import { objectSubject, propertySubject } from '../../world/world.ts';
import { idArg, textArg } from '../arguments.ts';
import { callerOf } from '../frames.ts';
import type { Perform } from '../perform.ts';

export const propertyOperations = {
  async getProperty(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    return task.readProperty(callerOf(frame), row.id, textArg(name, 'The name of the property'));
  },
  async setProperty(task, frame, [id, given, value]) {
    const { world, counts, setting } = task;
    const name = textArg(given, 'The name of the property');
    const caller = callerOf(frame);
    const row = await world.object(idArg(id));
    const checked = checkedValue(value, setting.limits);
    const { property } = await world.member(row.id, name);
    if (property?.originId === row.id) {
      await world.require(caller, 'write', propertySubject(property));
      await updateProperty(world, property, checked);
      return null;
    }
    await world.require(caller, 'write', objectSubject(row));
    counts.properties += 1;
    if (counts.properties > setting.limits.createdProperties) {
      throw new VerbError('QuotaError', `A task makes at most ${setting.limits.createdProperties} properties.`);
    }
    await insertProperty(world, { on: row.id, name, value: checked, owner: caller });
    return null;
  },
  async removeProperty(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    const { property } = await task.world.member(row.id, textArg(name, 'The name of the property'));
    if (property?.originId !== row.id) return false;
    await task.world.require(callerOf(frame), 'write', propertySubject(property));
    await deleteProperty(task.world, property);
    return true;
  },
  async hasProperty(task, frame, [id, name]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    return (await task.world.member(row.id, textArg(name, 'The name'))).property !== undefined;
  },
  async properties(task, frame, [id]) {
    const row = await task.world.object(idArg(id));
    await task.world.require(callerOf(frame), 'read', objectSubject(row));
    const { rows } = await task.world.connection.query<{ name: string }>(
      `SELECT name FROM ${task.world.schema}.moo_property WHERE origin_id = $1 ORDER BY name LIMIT 10000`,
      [row.id],
    );
    return rows.map(({ name }) => name);
  },
} satisfies Record<string, Perform>;
