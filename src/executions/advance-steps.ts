import type { Connection } from './connection.ts';
import { advanceOnce, type AdvancedRow, type ReadyStep, type StepPlace } from './sql/advance-steps.ts';
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

interface Advancing {
  readonly ready: ReadyStep[];
  ended: boolean;
  readonly released: number[];
  readonly waiting: number[];
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
): Promise<Advanced> {
  const places = next.map((position) => ({ executionId, position }));
  const advanced = await advanceAll(connection, places);
  return advanced.get(executionId) ?? { ready: [], ended: next.length === 0, released: [], waits: false };
}

/**
 * The same for many executions, by their ids; the caller has locked them all.
 *
 * @param joins - `run`, where the executions are not locked: a join that is reached is left to a worker, whose completion
 *   does what its end takes.
 */
export async function advanceAll(
  connection: Connection,
  next: readonly StepPlace[],
  joins: 'pass' | 'run' = 'pass',
): Promise<ReadonlyMap<string, Advanced>> {
  const advanced = new Map<string, Advancing>();
  const of = ({ executionId }: StepPlace): Advancing => {
    const known = advanced.get(executionId) ?? { ready: [], ended: false, released: [], waiting: [] };
    advanced.set(executionId, known);
    return known;
  };
  let open = next;
  while (open.length > 0) {
    const behind: StepPlace[] = [];
    for (const row of await advanceOnce(connection, open, joins)) {
      const { executionId } = row;
      const one = of(row);
      const moved = [row, ...(await membersInstead(connection, row))];
      one.ready.push(...readyOf(moved));
      one.waiting.push(...waitingOf(moved));
      if (row.kind !== 'join' || row.state !== 'succeeded') continue;
      if (row.release !== null) one.released.push(row.release);
      if (row.next.length === 0) one.ended = true;
      behind.push(...row.next.map((position) => ({ executionId, position })));
    }
    open = behind;
  }
  for (const [executionId, { waiting }] of advanced) await requestPermits(connection, executionId, waiting);
  return new Map([...advanced].map(([id, one]) => [id, { ...one, waits: one.waiting.length > 0 }]));
}

/** The join of a bounded group that members have reached, but not the last, lets as many others start. */
async function membersInstead(connection: Connection, row: AdvancedRow): Promise<AdvancedRow[]> {
  if (!row.bounds || row.state !== 'pending') return [];
  return startWaitingMembers(connection, row.executionId, { position: row.position, count: row.arrived });
}

/**
 * Starts members of bounded groups that have room: after a retry nobody is under way who would let them start. The caller
 * holds the row lock of the execution, or the throttles' locks of its permits.
 */
export async function fillGroups(connection: Connection, executionId: string): Promise<ReadyStep[]> {
  const ready: ReadyStep[] = [];
  for (const room of await listGroupRoom(connection, executionId)) {
    const started = await startWaitingMembers(connection, executionId, room);
    ready.push(...readyOf(started));
    await requestPermits(connection, executionId, waitingOf(started));
  }
  return ready;
}

function readyOf(rows: readonly AdvancedRow[]): ReadyStep[] {
  return rows
    .filter((row) => row.state === 'ready')
    .map(({ executionId, position, delivery, queue, priority }) => ({
      executionId,
      position,
      delivery,
      queue,
      priority,
    }));
}

function waitingOf(rows: readonly AdvancedRow[]): number[] {
  return rows.filter((row) => row.state === 'waiting').map((row) => row.position);
}
