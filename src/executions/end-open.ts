import type { Connection } from './connection.ts';
import { countRunningSteps } from './sql/count-running-steps.ts';
import { endOpenSteps } from './sql/end-open-steps.ts';

/**
 * Ends what has not started of a locked execution, and answers how much of it still runs. That is counted first: the end
 * of a child, which locks another execution, may wake a step in between, and that one has to be ended with the others.
 */
export async function endOpen(
  connection: Connection,
  executionId: string,
  as: 'skipped' | 'canceled',
): Promise<number> {
  const running = await countRunningSteps(connection, executionId);
  await endOpenSteps(connection, executionId, as);
  return running;
}
