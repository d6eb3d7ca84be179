import type { Connection } from './connection.ts';
import { advanceOnce, type AdvancedRow, type ReadyStep } from './sql/advance-steps.ts';
import { listGroupRoom } from './sql/list-group-room.ts';
import { requestPermits } from './sql/request-permits.ts';
import { startWaitingMembers } from './sql/start-waiting-members.ts';

export interface Advanced {
  readonly ready: readonly ReadyStep[];
  /** Whether the last join was reached: every step has ended well. */
  readonly ended: boolean;
  /** The first steps of scopes that have ended: their permits are to be handed on. */
  readonly released: readonly number[];
  /** Whether scopes were reached: somebody is to look whether their permits are to be had. */
  readonly waits: boolean;
}

/**
 * Moves an execution on behind steps that have ended: their successors advance, joins that are passed let their own
 * successors advance in the same transaction, a bounded group starts as many members as have ended, and the scopes that
 * are reached stand in line for their permits.
 */
export async function advanceSteps(
  connection: Connection,
  executionId: string,
  next: readonly number[],
  joins: 'pass' | 'run' = 'pass',
): Promise<Advanced> {
  const ready: ReadyStep[] = [];
  const released: number[] = [];
  const waiting: number[] = [];
  let ended = next.length === 0;
  let open = [...next];
  while (open.length > 0) {
    const rows = await advanceOnce(connection, executionId, open, joins);
    open = [];
    for (const row of rows) {
      const moved = [row];
      if (row.bounds && row.state === 'pending') {
        const room = { position: row.position, count: row.arrived };
        moved.push(...(await startWaitingMembers(connection, executionId, room)));
      }
      ready.push(...readyOf(executionId, moved));
      waiting.push(...waitingOf(moved));
      if (row.kind !== 'join' || row.state !== 'succeeded') continue;
      if (row.release !== null) released.push(row.release);
      if (row.next.length === 0) ended = true;
      open.push(...row.next);
    }
  }
  await requestPermits(connection, executionId, waiting);
  return { ready, ended, released, waits: waiting.length > 0 };
}

/**
 * Starts members of bounded groups that have room: after a retry nobody is under way who would let them start. The caller
 * holds the row lock of the execution, or the throttles' locks of its permits.
 */
export async function fillGroups(connection: Connection, executionId: string): Promise<ReadyStep[]> {
  const ready: ReadyStep[] = [];
  for (const room of await listGroupRoom(connection, executionId)) {
    const started = await startWaitingMembers(connection, executionId, room);
    ready.push(...readyOf(executionId, started));
    await requestPermits(connection, executionId, waitingOf(started));
  }
  return ready;
}

function readyOf(executionId: string, rows: readonly AdvancedRow[]): ReadyStep[] {
  return rows
    .filter((row) => row.state === 'ready')
    .map(({ position, delivery, queue, priority }) => ({ executionId, position, delivery, queue, priority }));
}

function waitingOf(rows: readonly AdvancedRow[]): number[] {
  return rows.filter((row) => row.state === 'waiting').map((row) => row.position);
}
