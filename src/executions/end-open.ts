import type { Connection } from './connection.ts';
import { countLiveSteps } from './sql/count-live-steps.ts';
import { endOpenSteps } from './sql/end-open-steps.ts';

/**
 * Ends what has not started of a locked execution, and answers how much of it still runs: what was claimed until its
 * step was reached is among that. The end of a child, which locks another execution, may open a step again meanwhile;
 * that one is ended as well.
 */
export async function endOpen(
  connection: Connection,
  executionId: string,
  as: 'skipped' | 'canceled',
): Promise<number> {
  for (;;) {
    await endOpenSteps(connection, executionId, as);
    const { running, open } = await countLiveSteps(connection, executionId);
    if (open === 0) return running;
  }
}
