import type { ClaimedStep } from './claimed-step.ts';
import type { ResourceRef } from './resource-writes.ts';
import type { OwnedResource } from './sql/insert-execution-resources.ts';

/**
 * The resource that the effects of a step are for: the owned main one, or the resource of an execution that owns
 * nothing, whose row may be changed only while nobody else owns it.
 */
export function mainResource(
  step: ClaimedStep,
  resources: readonly OwnedResource[],
): { readonly ref: ResourceRef; readonly owner: 'mine' | 'any' } | undefined {
  const owned = resources.find((resource) => resource.main);
  if (owned !== undefined) return { ref: owned, owner: 'mine' };
  if (step.resourceType === null || step.resourceId === null) return undefined;
  return { ref: { type: step.resourceType, id: step.resourceId }, owner: 'any' };
}
