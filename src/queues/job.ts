import { isUuid } from '../core/ids.ts';
import type { ReadyStep } from '../executions/sql/advance-steps.ts';

const version = 1;

/** All that the broker ever sees of a step: its name. */
export interface StepJob {
  readonly v: typeof version;
  readonly engine: string;
  readonly execution: string;
  readonly position: number;
  readonly delivery: number;
}

/**
 * The id of a job: the same delivery has the same id, so publishing it twice adds it once; a new delivery has another,
 * so the job of an old one can do no harm. BullMQ refuses ids with ":" and ids of digits only.
 */
export function jobId(step: Pick<ReadyStep, 'executionId' | 'position' | 'delivery'>): string {
  return `s_${step.executionId}_${step.position}_${step.delivery}`;
}

export function stepJob(engine: string, step: ReadyStep): StepJob {
  return { v: version, engine, execution: step.executionId, position: step.position, delivery: step.delivery };
}

/** The step that a job names, or undefined for a job that is not ours: garbage, another engine, another version. */
export function parseStepJob(data: unknown, engine: string): StepJob | undefined {
  const named = parseName(data, engine);
  return named?.v === version ? { ...named, v: version } : undefined;
}

/** The step that a job of a newer build names, which may mean more by it than this one understands. */
export function parseNewerJob(data: unknown, engine: string): Omit<StepJob, 'v'> | undefined {
  const named = parseName(data, engine);
  return named !== undefined && named.v > version ? named : undefined;
}

function parseName(data: unknown, engine: string): (Omit<StepJob, 'v'> & { readonly v: number }) | undefined {
  if (data === null || typeof data !== 'object') return undefined;
  const { v, engine: of, execution, position, delivery } = data as Record<string, unknown>;
  const ours = isCount(v) && of === engine && typeof execution === 'string' && isUuid(execution);
  if (!ours || !isCount(position) || !isCount(delivery)) return undefined;
  return { v, engine, execution, position, delivery };
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2_147_483_647;
}
