import type { Connection } from '../connection.ts';

export interface ReadyStep {
  readonly executionId: string;
  readonly position: number;
  readonly delivery: number;
  readonly queue: string;
  readonly priority: number;
}

export interface Advanced {
  readonly ready: readonly ReadyStep[];
  /** Whether the last join was reached: every step has ended well. */
  readonly ended: boolean;
}

interface Row {
  position: number;
  state: string;
  kind: string;
  next: number[];
  delivery: number;
  queue: string;
  priority: number;
}

/**
 * Takes one from the open predecessors of each successor; at zero a step becomes `ready` (or `delayed` by its
 * countdown), and a join is passed at once, so that its own successors advance in the same transaction. Locks the
 * successors by position.
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
      if (row.kind !== 'join' || row.state !== 'succeeded') continue;
      if (row.next.length === 0) ended = true;
      open.push(...row.next);
    }
  }
  return { ready, ended };
}

function pickReady(row: Row): Omit<ReadyStep, 'executionId'> {
  return { position: row.position, delivery: row.delivery, queue: row.queue, priority: row.priority };
}

async function advanceOnce(connection: Connection, executionId: string, positions: readonly number[]): Promise<Row[]> {
  const { schema } = connection;
  const { rows } = await connection.query<Row>(
    `WITH target AS MATERIALIZED (
       SELECT s.position, s.open_predecessors - arrived.count AS open, s.countdown_ms, s.kind FROM ${schema}.step AS s
       JOIN (SELECT position, count(*)::integer FROM unnest($2::integer[]) AS position GROUP BY position) AS arrived
         USING (position)
       WHERE s.execution_id = $1 AND s.state = 'pending' ORDER BY s.position FOR UPDATE OF s),
     decided AS (
       SELECT position, open,
         CASE WHEN open > 0 THEN 'pending' WHEN countdown_ms > 0 THEN 'delayed'
           WHEN kind = 'join' THEN 'succeeded' ELSE 'ready' END AS state, ${schema}.clock() AS at
       FROM target)
     UPDATE ${schema}.step AS s
     SET open_predecessors = decided.open, state = decided.state,
       delivery = CASE WHEN decided.state = 'ready' THEN s.delivery + 1 ELSE s.delivery END,
       ready_at = CASE WHEN decided.state = 'ready' THEN decided.at END,
       run_at = CASE WHEN decided.state = 'delayed' THEN decided.at + s.countdown_ms * interval '1 millisecond' END,
       started_at = CASE WHEN decided.state = 'succeeded' THEN decided.at END,
       finished_at = CASE WHEN decided.state = 'succeeded' THEN decided.at END
     FROM decided WHERE s.execution_id = $1 AND s.position = decided.position
     RETURNING s.position, s.state, s.kind, s.next, s.delivery, s.queue, s.priority`,
    [executionId, positions],
  );
  return rows.toSorted((a, b) => a.position - b.position);
}
