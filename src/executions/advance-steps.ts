import type { Connection } from './connection.ts';
import { advanceOnce, type AdvancedRow, type ReadyStep } from './sql/advance-steps.ts';
import { startWaitingMembers } from './sql/start-waiting-members.ts';

export interface Advanced {
  readonly ready: readonly ReadyStep[];
  /** Whether the last join was reached: every step has ended well. */
  readonly ended: boolean;
}

/**
 * Moves an execution on behind steps that have ended: their successors advance, joins that are passed let their own
 * successors advance in the same transaction, and a bounded group starts as many members as have ended.
 */
export async function advanceSteps(
  connection: Connection,
  executionId: string,
  next: readonly number[],
): Promise<Advanced> {
  const ready: ReadyStep[] = [];
  let ended = next.length === 0;
  let open = [...next];
  while (open.length > 0) {
    const rows = await advanceOnce(connection, executionId, open);
    open = [];
    for (const row of rows) {
      if (row.state === 'ready') ready.push({ executionId, ...pickReady(row) });
      if (row.bounds && row.state === 'pending') {
        const started = await startWaitingMembers(connection, executionId, {
          position: row.position,
          count: row.arrived,
        });
        const startable = started.filter((member) => member.state === 'ready');
        ready.push(...startable.map((member) => ({ executionId, ...pickReady(member) })));
      }
      if (row.kind !== 'join' || row.state !== 'succeeded') continue;
      if (row.next.length === 0) ended = true;
      open.push(...row.next);
    }
  }
  return { ready, ended };
}

function pickReady(row: AdvancedRow): Omit<ReadyStep, 'executionId'> {
  return { position: row.position, delivery: row.delivery, queue: row.queue, priority: row.priority };
}
