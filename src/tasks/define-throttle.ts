import { problemsError } from '../core/errors.ts';
import { nameProblems, unknownOptions } from '../core/options.ts';
import type { ResourceDefinition } from '../resources/define-resource.ts';

/** How many may be under way at once for a key; made by {@link defineThrottle}. */
export interface ThrottleDefinition<R = never> {
  readonly name: string;
  /** The resource that key and limit are read from; undefined for one that is the same for everybody. */
  readonly resource: string | undefined;
  readonly key: ((resource: R) => string | number) | undefined;
  readonly limit: number | ((resource: R) => number | null | undefined);
  readonly level: number;
}

export interface ThrottleOptions<R> {
  readonly name: string;
  /** What shares the limit: all resources with the same key. Left out: all resources. */
  readonly key?: (resource: R) => string | number;
  /** How many scopes hold a permit at once, from 0. Where the function gives nothing, and where it is left out: 4. */
  readonly limit?: number | ((resource: R) => number | null | undefined);
  /** From 1, the default. A scope inside another must be of a higher level, so that permits cannot deadlock. */
  readonly level?: number;
}

/** What holds without a word: as in Waldur, whose provisioning is throttled to 4 for each settings scope. */
export const defaultLimit = 4;

/** Holds come first: a throttle may stand inside one, another hold may not. */
export const holdLevel = 0;

const maxLevel = 100;

/**
 * A limit on how many scopes run at once. `key` and `limit` see the resource as it is when the operation is scheduled;
 * an operator's override goes before (`reeve throttle set`).
 *
 * @throws CONFIGURATION_INVALID with all problems.
 */
export function defineThrottle<R extends object, B, S extends string, T extends string>(
  resource: ResourceDefinition<R, B, S, T>,
  options: ThrottleOptions<R>,
): ThrottleDefinition<R>;
export function defineThrottle(
  options: Omit<ThrottleOptions<never>, 'key' | 'limit'> & { readonly limit?: number },
): ThrottleDefinition<unknown>;
export function defineThrottle(first: object, second?: object): ThrottleDefinition {
  const options = (second ?? first) as ThrottleOptions<never>;
  const resource = second === undefined ? undefined : (first as ResourceDefinition).name;
  const subject = `throttle "${options.name}"`;
  const { key, limit = defaultLimit, level = 1 } = options;
  const problems = [
    ...nameProblems(options.name, subject),
    ...unknownOptions(options, ['name', 'key', 'limit', 'level'], subject),
  ];
  if (key !== undefined && typeof key !== 'function') problems.push(`${subject} has a key that is no function`);
  if (typeof limit !== 'function' && !isLimit(limit))
    problems.push(`${subject} has the limit ${String(limit)}; use 0 to 100000`);
  if (!Number.isInteger(level) || level < 1 || level > maxLevel) {
    problems.push(`${subject} has the level ${level}; use 1 to ${maxLevel}`);
  }
  if (problems.length > 0) throw problemsError('CONFIGURATION_INVALID', 'A throttle is defined wrongly', problems);
  return Object.freeze({ name: options.name, resource, key, limit, level });
}

export function isLimit(limit: unknown): limit is number {
  return Number.isInteger(limit) && Number(limit) >= 0 && Number(limit) <= 100_000;
}
