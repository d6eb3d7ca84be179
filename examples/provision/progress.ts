import { setTimeout as pause } from 'node:timers/promises';
import { In } from 'typeorm';
import type { ExecutionView } from '../../src/index.ts';
import { DatabaseSchema, type Database } from './entities.ts';
import { dataSource } from './ormconfig.ts';
import type { Journey } from './provision.ts';
import reeve, { database } from './reeve.config.ts';

const lookEveryMs = 80;
const mostExecutions = 1_000;

/** Where one database is now, for people. */
export interface ProgressLine {
  readonly name: string;
  readonly state: string;
  readonly detail: string;
}

/** Shows where every database is, whenever that has changed, until the signal says that all has ended. */
export async function followProgress(
  journeys: readonly Journey[],
  show: (lines: readonly ProgressLine[]) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    show(await progressOf(journeys));
    await pause(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
  show(await progressOf(journeys));
}

/** Rows and executions, read with one statement each, whatever the number of databases. */
export async function progressOf(journeys: readonly Journey[]): Promise<ProgressLine[]> {
  // Taken first: a database that is asked for meanwhile is seen the next time.
  const ids = new Set(journeys.flatMap(({ id }) => id ?? []));
  const executions = await reeve.executions({ resourceType: database.name, limit: mostExecutions });
  const rows = await dataSource.manager.findBy(DatabaseSchema, { id: In([...ids]) });
  const rowById = new Map(rows.map((row) => [row.id, row]));
  // The newest come first, and the newest of a database is what it is at.
  const newest = new Map(executions.toReversed().map((execution) => [execution.resourceId, execution]));
  return journeys.map(({ id, asked }) => ({
    name: asked.name,
    ...(id === undefined || !ids.has(id)
      ? waiting(asked.grants.map((grant) => grant.to))
      : place(rowById.get(id), newest.get(id))),
  }));
}

function waiting(needed: readonly string[]): { state: string; detail: string } {
  return { state: '-', detail: needed.length === 0 ? '' : `waits for ${needed.join(', ')}` };
}

function place(row: Database | undefined, execution: ExecutionView | undefined): { state: string; detail: string } {
  if (execution === undefined) return { state: row?.state ?? '-', detail: '' };
  // Rows are read after the executions: one that is gone was deleted by the newest.
  if (row === undefined) return { state: 'deleted', detail: '' };
  if (row.state === 'erred') return { state: row.state, detail: row.errorMessage };
  if (row.state === 'ok') return { state: row.state, detail: '' };
  const { stepsDone, stepsTotal, currentStep } = execution;
  const step = `step ${Math.min(stepsDone + 1, stepsTotal)}/${stepsTotal} ${currentStep ?? ''}`.trim();
  return { state: row.state, detail: row.action === '' ? step : `${row.action}, ${step}` };
}
