import { holdKeyOf } from '../executions/hold-key.ts';
import type { PermitKey } from '../executions/step-plan.ts';
import { holdLevel } from './define-throttle.ts';

/** A resource to hold: its kind, and its id from the facts. */
export interface Hold {
  readonly resource: { readonly name: string };
  readonly id: string | number;
}

/** A hold is a permit of limit 1 on its resource. */
export function holdKey({ resource, id }: Hold): PermitKey {
  const ref = { type: resource.name, id: String(id) };
  return { key: holdKeyOf(ref), name: 'hold', limit: 1, level: holdLevel, resource: ref };
}
