import type { ResourceRef } from './resource-writes.ts';

const prefix = 'hold:';

/** The key of the permit that a hold on a resource is. */
export function holdKeyOf({ type, id }: ResourceRef): string {
  return `${prefix}${type}/${id}`;
}

/** The resource that a key holds; undefined for the key of a throttle. */
export function heldResource(key: string): ResourceRef | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const [type = '', ...id] = key.slice(prefix.length).split('/');
  return { type, id: id.join('/') };
}
