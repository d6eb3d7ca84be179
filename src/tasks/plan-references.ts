import { ReeveError } from '../core/errors.ts';
import { referenceKey } from '../executions/step-references.ts';

const pathOf = Symbol('path of a reference');

/**
 * A stand-in for a result that does not exist yet. Reading a field gives a stand-in for that field; every other use
 * (arithmetic, a template text, a comparison, iteration) is refused, because a mapping runs once, when the plan is
 * built, and what it picks is stored as a reference.
 */
export function referenceTo(position: number, path: readonly (string | number)[] = []): unknown {
  const target = Object.create(null) as object;
  return new Proxy(target, {
    get(_target, key) {
      if (key === pathOf) return [position, ...path];
      if (typeof key === 'symbol' || key === 'toJSON' || key === 'then' || key === 'valueOf' || key === 'toString') {
        throw computes(path, String(key));
      }
      return referenceTo(position, [...path, key]);
    },
    ownKeys: () => {
      throw computes(path, 'spread');
    },
    has: (_target, key) => {
      throw computes(path, `"${String(key)}" in`);
    },
  });
}

function computes(path: readonly (string | number)[], use: string): ReeveError {
  return new ReeveError(
    'PLAN_INVALID',
    `a mapping computes with ${path.length === 0 ? 'the previous result' : `"${path.join('.')}"`} (${use}); it runs once, before any step, so it may only pick fields. Compute in a task instead`,
  );
}

/** `value` with every stand-in replaced by a stored reference; collects the positions that are referred to. */
export function storeReferences(value: unknown, used: Set<number>): unknown {
  if (value === null || typeof value !== 'object') return value;
  const path = stoodFor(value);
  if (path !== undefined) {
    if (typeof path[0] === 'number' && path[0] >= 0) used.add(path[0]);
    return { [referenceKey]: path };
  }
  if (Array.isArray(value)) return value.map((item) => storeReferences(item, used));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  if (Object.hasOwn(value, referenceKey)) {
    throw new ReeveError('PLAN_INVALID', `"${referenceKey}" is a reserved key in the arguments of a step`);
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, storeReferences(item, used)]));
}

function stoodFor(value: object): (string | number)[] | undefined {
  // A stand-in answers its path, every other object has no such symbol.
  return (value as { [pathOf]?: (string | number)[] })[pathOf];
}
