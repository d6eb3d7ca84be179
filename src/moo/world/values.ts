import type { JsonValue } from '../../core/json.ts';
import { isReeveError } from '../../core/errors.ts';
import { toJson } from '../../core/json.ts';
import type { VerbLimits } from '../sandbox/limits.ts';
import { userError } from './verb-error.ts';

/** A value as verbs, properties and tasks exchange it: JSON in which `{"$moo": "o:12"}` stands for object 12. */
export type MooValue = JsonValue;

export function objectValue(id: number): MooValue {
  return { $moo: `o:${id}` };
}

export function optionalObject(id: number | null): MooValue {
  return id === null ? null : objectValue(id);
}

export function verbValue(id: number, name: string): MooValue {
  return { $moo: `v:${id}:${name}` };
}

/** The object that a value stands for, or undefined. */
export function objectIdOf(value: unknown): number | undefined {
  const tag = tagOf(value);
  if (tag === undefined || !/^o:\d{1,9}$/.test(tag)) return undefined;
  return Number(tag.slice(2));
}

export function verbRefOf(value: unknown): { readonly id: number; readonly name: string } | undefined {
  const parts = /^v:(\d{1,9}):(.{1,255})$/s.exec(tagOf(value) ?? '');
  return parts === null ? undefined : { id: Number(parts[1]), name: parts[2] ?? '' };
}

function tagOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const keys = Object.keys(value);
  if (keys.length !== 1 || keys[0] !== '$moo') return undefined;
  const tag = (value as { $moo: unknown }).$moo;
  return typeof tag === 'string' ? tag : undefined;
}

/** @throws UserError for what is too large, too deep, or no JSON; the isolate has looked already, but is not believed. */
export function checkedValue(value: unknown, limits: VerbLimits): MooValue {
  try {
    return toJson(value, 'A value', { payloadBytes: limits.payloadBytes, payloadDepth: limits.payloadDepth + 1 });
  } catch (error) {
    throw isReeveError(error) ? userError(error.message) : error;
  }
}
