import type { Bundle } from './bundle.ts';
import { InstanceSchema, Volume, type Instance } from './volume.ts';
import type { ExecutionOutcome } from '../../src/index.ts';

/** A volume as it stands in the database now. */
export async function readVolume(bundle: Bundle, id: string): Promise<Volume | null> {
  return bundle.dataSource.manager.findOneBy(Volume, { id });
}

/** A saved volume in the given state, as if an earlier operation had left it there. */
export async function volumeIn(bundle: Bundle, state: string, fields: Partial<Volume> = {}): Promise<Volume> {
  const saved = await bundle.dataSource.manager.save(Volume, { name: 'data', state, ...fields });
  return bundle.dataSource.manager.findOneByOrFail(Volume, { id: saved.id });
}

/** A saved instance in the given state. */
export async function instanceIn(bundle: Bundle, state: string, name = 'instance'): Promise<Instance> {
  const { id } = await bundle.dataSource.manager.save(InstanceSchema, { name, state });
  return bundle.dataSource.manager.findOneByOrFail(InstanceSchema, { id });
}

/** The end of an execution, within a minute. */
export async function ended(bundle: Bundle, executionId: string): Promise<ExecutionOutcome> {
  return bundle.reeve.result(executionId, { timeout: '60s' });
}
