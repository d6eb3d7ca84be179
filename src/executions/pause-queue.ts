import { ReeveError } from '../core/errors.ts';
import type { LedgerPool } from './ledger-pool.ts';
import { storedWord, type OperatorOptions } from './operator.ts';
import { insertEvent } from './sql/insert-event.ts';
import { pauseQueueRow } from './sql/pause-queue-row.ts';
import { resumeQueueRow } from './sql/resume-queue-row.ts';

export interface QueuePause {
  readonly queue: string;
  readonly paused: boolean;
  /** False when it was so before. */
  readonly changed: boolean;
}

/**
 * Nothing of the queue is published or claimed until it is resumed, whatever becomes of the broker: the pause is a row
 * of the ledger. Jobs that come all the same are dropped, and their steps stay ready; steps that run go on.
 *
 * @throws QUEUE_UNKNOWN
 */
export async function pauseQueue(pool: LedgerPool, queue: string, options: OperatorOptions): Promise<QueuePause> {
  return pool.transaction(async (connection) => {
    const words = { by: storedWord(options.by), reason: storedWord(options.reason) };
    const paused = await pauseQueueRow(connection, queue, words);
    if (paused === undefined) throw unknownQueue(queue);
    if (paused.changed) await insertEvent(connection, { kind: 'operator.pause_queue', data: { queue, ...words } });
    return { queue, paused: true, changed: paused.changed };
  });
}

/** @throws QUEUE_UNKNOWN */
export async function resumeQueue(pool: LedgerPool, queue: string, options: OperatorOptions): Promise<QueuePause> {
  return pool.transaction(async (connection) => {
    const words = { by: storedWord(options.by), reason: storedWord(options.reason) };
    const resumed = await resumeQueueRow(connection, queue);
    if (resumed === undefined) throw unknownQueue(queue);
    if (resumed.changed) await insertEvent(connection, { kind: 'operator.resume_queue', data: { queue, ...words } });
    return { queue, paused: false, changed: resumed.changed };
  });
}

function unknownQueue(queue: string): ReeveError {
  return new ReeveError('QUEUE_UNKNOWN', `there is no queue "${queue}" in the ledger`, { details: { queue } });
}
