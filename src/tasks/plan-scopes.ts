import type { StepDraft } from '../executions/step-plan.ts';

/** Which steps may end a scope: its last one, and those from which that is reached through joins alone. */
export function markScopeEnds(steps: readonly StepDraft[], mayGrow: boolean): readonly StepDraft[] {
  const hasScopes = steps.some((step) => step.effects.acquire !== undefined);
  if (!hasScopes && !mayGrow) return steps;
  const base = steps[0]?.position ?? 0;
  const passes = new Map<number, boolean>();
  const reachesEnd = (position: number): boolean => {
    const step = steps[position - base];
    if (step?.kind !== 'join' || step.effects.acquire !== undefined) return false;
    if (step.effects.release !== undefined) return true;
    const known = passes.get(position);
    if (known !== undefined) return known;
    const found = step.next.some(reachesEnd);
    passes.set(position, found);
    return found;
  };
  return steps.map((step) => {
    const joins = step.effects.gate === undefined ? step.next : [...step.next, step.effects.gate.join];
    const permits = step.effects.release !== undefined || joins.some(reachesEnd) ? 'releases' : 'none';
    return { ...step, effects: { ...step.effects, permits } };
  });
}

/** The steps with which an operation begins: the first ones, and behind a scope at the start those that it lets in. */
export function firstSteps(steps: readonly StepDraft[]): ReadonlySet<number> {
  const base = steps[0]?.position ?? 0;
  const first = new Set<number>();
  const open = steps.filter((step) => step.openPredecessors === 0);
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (step.effects.acquire === undefined) first.add(step.position);
    else open.push(...step.next.flatMap((position) => steps[position - base] ?? []));
  }
  return first;
}
