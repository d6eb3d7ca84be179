/** Whether a step stands in the scope of a permit, also where another step of the scope has added it; as SQL on aliases. */
export function inScope(step: string, permit: string): string {
  const within = `BETWEEN ${permit}.position AND ${permit}.last_position`;
  return `(${step}.position ${within} OR ${step}.expanded_by ${within})`;
}
