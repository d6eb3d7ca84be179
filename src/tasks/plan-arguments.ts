import type { Jsonable } from '../core/json.ts';

/** Arguments of a step, or a mapping that picks them from the result of the previous step and of named ones. */
export type Given<Args, Previous, Steps> = Jsonable<Args> | ((previous: Previous, steps: Steps) => Jsonable<Args>);

export type CallRest<Args extends readonly unknown[], Previous, Steps, Options> =
  ([] extends Args ? [options?: Options] : never) | [args: Given<Args, Previous, Steps>, options?: Options];

export type PollRest<Args extends readonly unknown[], Previous, Steps, Options> =
  ([] extends Args ? [options: Options] : never) | [args: Given<Args, Previous, Steps>, options: Options];

/** The arguments and the options of a call, of which either may be left out. */
export function splitRest(rest: readonly unknown[]): [unknown, Record<string, unknown>] {
  const [first, second] = rest;
  if (Array.isArray(first) || typeof first === 'function') return [first, (second ?? {}) as Record<string, unknown>];
  return [[], (first ?? {}) as Record<string, unknown>];
}
