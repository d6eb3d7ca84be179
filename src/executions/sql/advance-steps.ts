import type { Connection } from '../connection.ts';

export interface ReadyStep {
  readonly executionId: string;
  readonly position: number;
  readonly delivery: number;
  readonly queue: string;
  readonly priority: number;
}

/** Where a step stands. */
export interface StepPlace {
  readonly executionId: string;
  readonly position: number;
}

export interface AdvancedRow {
  executionId: string;
  position: number;
  state: string;
  kind: string;
  next: number[];
  delivery: number;
  queue: string;
  priority: number;
  /** Whether it is the join of a bounded group, and how many members have just reached it. */
  bounds: boolean;
  arrived: number;
  /** For the last step of a scope: the position of its first. */
  release: number | null;
}

/**
 * Takes what has arrived from the open predecessors of each step; at zero a step becomes `ready`, `delayed` by its
 * countdown, or `waiting` where a bounded group has no room for it yet, or for permits; a join is passed at once. Locks the
 * steps by execution and position, and reads them under the lock, so that several that arrive at the same moment are all
 * counted. A place that is named twice has two arrivals.
 *
 * @param joins - `run`: a join is left to a worker, whose completion does what its end takes.
 */
export async function advanceOnce(
  connection: Connection,
  places: readonly StepPlace[],
  joins: 'pass' | 'run' = 'pass',
): Promise<AdvancedRow[]> {
  const { schema } = connection;
  const { rows } = await connection.query<AdvancedRow>(
    `WITH target AS MATERIALIZED (
       SELECT s.execution_id, s.position, s.open_predecessors - arrived.count AS open, arrived.count AS arrived, s.countdown_ms, s.kind,
         CASE WHEN (s.effects -> 'bound' ->> 'waits')::boolean IS TRUE THEN 'group'
           WHEN s.countdown_ms = 0 THEN s.effects -> 'acquire' ->> 'waitsFor' END AS waits_for FROM ${schema}.step AS s
       JOIN (SELECT execution_id, position, count(*)::integer
         FROM unnest($1::uuid[], $2::integer[]) AS a(execution_id, position) GROUP BY execution_id, position) AS arrived
         ON s.execution_id = arrived.execution_id AND s.position = arrived.position
       WHERE s.state = 'pending' ORDER BY s.execution_id, s.position FOR UPDATE OF s),
     decided AS (
       SELECT execution_id, position, open, arrived, waits_for,
         CASE WHEN open > 0 THEN 'pending' WHEN waits_for IS NOT NULL THEN 'waiting' WHEN countdown_ms > 0 THEN 'delayed'
           WHEN kind = 'join' AND $3 THEN 'succeeded' ELSE 'ready' END AS state, ${schema}.clock() AS at
       FROM target)
     UPDATE ${schema}.step AS s
     SET open_predecessors = decided.open, state = decided.state,
       waiting_for = CASE WHEN decided.state = 'waiting' THEN decided.waits_for END,
       delivery = CASE WHEN decided.state = 'ready' THEN s.delivery + 1 ELSE s.delivery END,
       ready_at = CASE WHEN decided.state = 'ready' THEN decided.at END,
       run_at = CASE WHEN decided.state = 'delayed' THEN decided.at + s.countdown_ms * interval '1 millisecond' END,
       started_at = CASE WHEN decided.state = 'succeeded' THEN decided.at END,
       finished_at = CASE WHEN decided.state = 'succeeded' THEN decided.at END
     FROM decided WHERE s.execution_id = decided.execution_id AND s.position = decided.position
     RETURNING s.execution_id AS "executionId", s.position, s.state, s.kind, s.next, s.delivery, s.queue, s.priority,
       (s.effects ->> 'bounds')::boolean IS TRUE AS bounds, decided.arrived,
       (s.effects ->> 'release')::integer AS release`,
    [places.map(({ executionId }) => executionId), places.map(({ position }) => position), joins === 'pass'],
  );
  return rows.toSorted((a, b) =>
    a.executionId === b.executionId ? a.position - b.position : a.executionId < b.executionId ? -1 : 1,
  );
}
