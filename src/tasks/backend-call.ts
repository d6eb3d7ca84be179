import { ReeveError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-name.ts';
import type { StepRun } from './step-handler.ts';

export function methodCall(run: StepRun): { readonly method: string; readonly args: readonly unknown[] } {
  const { method, args } = (run.args ?? {}) as { method?: unknown; args?: unknown };
  if (typeof method === 'string' && Array.isArray(args)) return { method, args };
  throw new ReeveError('EXECUTION_CORRUPT', `the arguments of step ${run.step.position} name no backend method`);
}

/** Calls the backend method that the step names, with the fresh resource first unless `independent`. */
export async function callBackend(run: StepRun, independent = false): Promise<unknown> {
  const { method, args } = methodCall(run);
  const resource = await run.loadResource();
  const backend = run.loadBackend(resource) as Record<string, unknown>;
  const target = backend[method];
  if (typeof target !== 'function') {
    throw new ReeveError(
      'TASK_FAILED',
      `the backend of ${run.step.resourceType} has no method "${method}"${didYouMean(method, methodNames(backend))}`,
    );
  }
  return (await target.apply(backend, independent ? args : [resource, ...args])) as unknown;
}

/** The methods of an object, its prototypes included. */
export function methodNames(target: object): string[] {
  const names = new Set<string>();
  for (let current: object | null = target; current !== null && current !== Object.prototype;) {
    for (const name of Object.getOwnPropertyNames(current)) names.add(name);
    current = Object.getPrototypeOf(current) as object | null;
  }
  names.delete('constructor');
  return [...names];
}
