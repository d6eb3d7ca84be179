import { InvalidArgumentError } from 'commander';

/** A comma separated list of names; given several times, the lists are joined. */
export function parseNames(text: string, before: readonly string[] | undefined): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Write names with commas between them, such as tasks,heavy.');
  return [...new Set([...(before ?? []), ...names])];
}

/** A whole number from 1 to 1000. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= 1_000) return count;
  throw new InvalidArgumentError('Write a whole number from 1 to 1000.');
}

/** The number of a step as people count, from 1, as the position that it has, from 0. */
export function parsePosition(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text) - 1;
  throw new InvalidArgumentError('Write the number of the step, from 1.');
}

/** `type/id`, or a type alone for all resources of it. */
export function parseResource(text: string): { readonly resourceType: string; readonly resourceId?: string } {
  const [resourceType = '', ...rest] = text.split('/');
  const resourceId = rest.join('/');
  if (resourceType === '') throw new InvalidArgumentError('Write type/id, such as postgres.database/0198….');
  return resourceId === '' ? { resourceType } : { resourceType, resourceId };
}

/** A TCP port; 0 stands for any free one. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('Write a port from 0 to 65535.');
}

/** A whole number from 1. */
export function parseWhole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a whole number from 1.');
}
