import type { ObjectLiteral } from 'typeorm';
import { ReeveError } from '../core/errors.ts';
import type { PermitKey, StepDraft } from '../executions/step-plan.ts';
import { defaultLimit, isLimit, type ThrottleDefinition } from '../tasks/define-throttle.ts';

/**
 * The steps of a plan with the keys and limits that its throttles mean for a resource. They are not part of the plan
 * itself, which is built from input and facts alone.
 *
 * @throws INPUT_INVALID for a key or limit that cannot be one.
 */
export function withScopeKeys(
  steps: readonly StepDraft[],
  throttles: ReadonlyMap<string, ThrottleDefinition>,
  resource: ObjectLiteral | null,
): readonly StepDraft[] {
  return steps.map((step) => {
    const { acquire } = step.effects;
    if (acquire === undefined || acquire.throttles.length === 0) return step;
    const keys = acquire.throttles.flatMap((name) => {
      const throttle = throttles.get(name);
      return throttle === undefined ? [] : [permitKey(throttle, resource)];
    });
    return { ...step, effects: { ...step.effects, acquire: { ...acquire, keys: [...acquire.keys, ...keys] } } };
  });
}

function permitKey(throttle: ThrottleDefinition, resource: ObjectLiteral | null): PermitKey {
  const { name, level } = throttle;
  const key = throttle.key?.(resource as never);
  if (
    throttle.key !== undefined &&
    (typeof key !== 'string' || key === '' || key.length > 200) &&
    typeof key !== 'number'
  ) {
    throw new ReeveError(
      'INPUT_INVALID',
      `throttle "${name}" has the key ${JSON.stringify(key) ?? 'undefined'} for this resource; use a text of 1 to 200 characters or a number`,
    );
  }
  const limit =
    (typeof throttle.limit === 'function' ? throttle.limit(resource as never) : throttle.limit) ?? defaultLimit;
  if (!isLimit(limit)) {
    throw new ReeveError(
      'INPUT_INVALID',
      `throttle "${name}" has the limit ${String(limit)} for this resource; use 0 to 100000`,
    );
  }
  return { key: key === undefined ? name : `${name}:${key}`, name, limit, level };
}

/** Whether the keys or limits of throttles depend on the resource. */
export function readsResource(throttles: ReadonlyMap<string, ThrottleDefinition>): boolean {
  return [...throttles.values()].some(({ key, limit }) => key !== undefined || typeof limit === 'function');
}
