import { ReeveError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { ClaimedStep } from './claimed-step.ts';

/** The one key of a stored reference: `{ "$result": [position, "field", …] }`. */
export const referenceKey = '$result';

/** In `save`, the position that stands for the step itself. */
export const ownResult = -1;

/**
 * `value` with every reference replaced by what it refers to.
 *
 * @throws REFERENCE_MISSING when a step did not return the field.
 */
export function resolveReferences(
  value: JsonValue,
  resultOf: (position: number) => JsonValue | undefined,
  subject: string,
): JsonValue {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => resolveReferences(item, resultOf, subject));
  const object = value as Record<string, JsonValue>;
  const path = object[referenceKey];
  if (Array.isArray(path)) return follow(path as (string | number)[], resultOf, subject);
  return Object.fromEntries(
    Object.entries(object).map(([key, item]) => [key, resolveReferences(item, resultOf, subject)]),
  );
}

function follow(
  path: readonly (string | number)[],
  resultOf: (position: number) => JsonValue | undefined,
  subject: string,
): JsonValue {
  const [position, ...keys] = path;
  let current: JsonValue | undefined = typeof position === 'number' ? resultOf(position) : undefined;
  for (const key of keys) {
    const holder = current;
    const has = holder !== null && typeof holder === 'object' && Object.hasOwn(holder, key);
    current = has ? (holder as Record<string, JsonValue>)[key] : undefined;
  }
  if (current !== undefined) return current;
  const source = position === ownResult ? 'its own result' : `the result of step ${Number(position) + 1}`;
  throw new ReeveError(
    'REFERENCE_MISSING',
    `${subject} needs "${keys.join('.')}" of ${source}, which has no such field`,
  );
}

/** The fields that a completion saves on the resource, with their values. */
export function resolveSavedFields(
  save: JsonValue,
  result: JsonValue,
  step: ClaimedStep,
): Readonly<Record<string, JsonValue>> {
  const resultOf = (position: number): JsonValue | undefined =>
    position === ownResult ? result : step.results[String(position)];
  return resolveReferences(save, resultOf, `step ${step.position + 1} "${step.description}"`) as Record<
    string,
    JsonValue
  >;
}
