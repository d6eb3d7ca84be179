import { groups, permissions, type Group, type Permission } from '../world/rows.ts';
import { objectIdOf } from '../world/values.ts';
import { userError } from '../world/verb-error.ts';

/** The arguments of calls, each refused with a sentence where it is not what it should be. */

export function textArg(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw userError(`${what} is missing or no text.`);
}

/** The object that a method is called on, which the prelude sends by its id. */
export function idArg(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw userError('There is no such object.');
}

export function objectArg(value: unknown, what: string): number {
  const id = objectIdOf(value);
  if (id === undefined) throw userError(`${what} is no object.`);
  return id;
}

export function optionalObjectArg(value: unknown, what: string): number | null {
  return value === null || value === undefined ? null : objectArg(value, what);
}

export function listArg(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw userError(`${what} is no list.`);
}

export function recordArg(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  const isPlain = typeof value === 'object' && !Array.isArray(value) && objectIdOf(value) === undefined;
  if (isPlain) return value as Record<string, unknown>;
  throw userError(`${what} is no plain object.`);
}

/** @throws UserError for a key that is not known: a misspelt option must not be ignored. */
export function optionsArg(value: unknown, known: readonly string[], what: string): Readonly<Record<string, unknown>> {
  const options = recordArg(value, what);
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) throw userError(`${what} has the unknown option "${unknown}".`);
  return options;
}

export function permissionArg(value: unknown): Permission {
  const found = permissions.find((each) => each === value);
  if (found === undefined) throw userError(`A permission is one of ${permissions.join(', ')}.`);
  return found;
}

export function accessorArg(value: unknown): { readonly accessor: number } | { readonly grp: Group } {
  const grp = groups.find((each) => each === value);
  if (grp !== undefined) return { grp };
  const accessor = objectIdOf(value);
  if (accessor === undefined) throw userError(`An accessor is an object or one of ${groups.join(', ')}.`);
  return { accessor };
}
