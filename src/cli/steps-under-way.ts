import type { Reeve } from '../reeve.ts';

export interface StepUnderWay {
  readonly executionId: string;
  readonly description: string;
  readonly queue: string;
}

/** The steps that a worker runs now, by the ledger; at most 1,000, one for each slot. */
export async function stepsUnderWay(reeve: Reeve, workerId: string): Promise<StepUnderWay[]> {
  const { dataSource, schema } = reeve.options;
  return dataSource.query<StepUnderWay[]>(
    `SELECT execution_id AS "executionId", description, queue FROM ${schema}.step
     WHERE state = 'running' AND worker_id = $1 ORDER BY started_at LIMIT 1000`,
    [workerId],
  );
}
