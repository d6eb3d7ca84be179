import { claimedColumns, claimedStep, type ClaimedRow, type ClaimedStep } from '../claimed-step.ts';
import type { Connection } from '../connection.ts';
import type { ReadyStep } from './advance-steps.ts';
import { endedSql, type SucceededStep } from './end-steps.ts';

/** A step that has succeeded, and the one step behind it. */
export interface Move extends SucceededStep {
  readonly next: number;
  /** Whether the step behind it is the last join of the plan. */
  readonly leadsToEnd: boolean;
  /** With what the step behind it is claimed at once, where that is wanted. */
  readonly nextToken: string | null;
}

/** Who goes on with the steps that are claimed at once. */
export interface Continuing {
  readonly workerId: string;
  readonly leaseMs: number;
  /** The names of the tasks that this build knows. */
  readonly tasks: readonly string[];
}

/** What a move has led to. */
export type Moved =
  /** The step behind it waits for others that have not arrived. */
  | { readonly kind: 'arrived' }
  | { readonly kind: 'ready'; readonly ready: ReadyStep }
  /** Claimed by the statement. Of the results that it needs, those that the statement itself has stored are missing. */
  | { readonly kind: 'continued'; readonly step: ClaimedStep; readonly needsResults: readonly number[] }
  | { readonly kind: 'ended' };

/**
 * The completions of many steps in one statement, which is their transaction: attempt, result, the step behind each, and
 * the end of the execution where nothing but its own row has to be written for it.
 *
 * It takes only what is free and simple. The rows of executions (FOR SHARE, or FOR UPDATE where one may end), of the steps
 * and of the steps behind them are locked with SKIP LOCKED, so it waits for nobody and has no part in any deadlock. A move
 * that is missing from the answer was not made, and nothing of it is written: its token is gone, somebody holds one of the
 * rows, its execution does not run, or what follows takes more than this statement knows (a join inside the plan, a bounded
 * group, permits, a countdown, resources, rules, a parent).
 *
 * A plan of a snapshot that is older than a row would miss what was committed with that row. So an end, and a claim of the
 * step behind, happen only where that step stands in the snapshot as it stands under the lock.
 */
export async function moveOn(
  connection: Connection,
  moves: readonly Move[],
  continuing: Continuing | null,
): Promise<ReadonlyMap<string, Moved>> {
  const { rows } = await connection.query<MovedRow>(moveOnSql(connection), moveOnParams(moves, continuing));
  return new Map(rows.map((row) => [row.movedToken, movedTo(row)]));
}

interface MovedRow extends ClaimedRow {
  movedToken: string;
  state: 'pending' | 'ready' | 'running' | 'succeeded';
  delivery: number;
  priority: number;
  needs_results: number[];
}

function movedTo(row: MovedRow): Moved {
  switch (row.state) {
    case 'pending':
      return { kind: 'arrived' };
    case 'succeeded':
      return { kind: 'ended' };
    case 'running':
      return { kind: 'continued', step: claimedStep(row), needsResults: row.needs_results };
    case 'ready': {
      const { execution_id: executionId, position, delivery, queue, priority } = row;
      return { kind: 'ready', ready: { executionId, position, delivery, queue, priority } };
    }
  }
}

function moveOnParams(moves: readonly Move[], continuing: Continuing | null): unknown[] {
  return [
    moves.map((move) => move.executionId),
    moves.map((move) => move.position),
    moves.map((move) => move.token),
    moves.map((move) => move.result),
    moves.map((move) => move.poll),
    moves.map((move) => move.next),
    moves.map((move) => move.leadsToEnd),
    moves.map((move) => move.nextToken),
    continuing?.workerId ?? null,
    continuing?.leaseMs ?? 0,
    continuing?.tasks ?? [],
  ];
}

/** Locks what may be moved, and decides what becomes of the steps behind. */
function decidedSql({ schema }: Connection): string {
  return `WITH wanted AS MATERIALIZED (
       SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::boolean[],
         $8::uuid[]) AS w(execution_id, position, token, result, poll, next, ends, next_token)),
     shared AS MATERIALIZED (
       SELECT e.id FROM ${schema}.execution AS e
       WHERE e.id IN (SELECT execution_id FROM wanted WHERE NOT ends) AND e.state = 'running'
       ORDER BY e.id FOR SHARE OF e SKIP LOCKED),
     owned AS MATERIALIZED (
       SELECT e.id FROM ${schema}.execution AS e
       WHERE e.id IN (SELECT execution_id FROM wanted WHERE ends) AND e.state = 'running' AND e.parent_id IS NULL
         AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_resource AS r WHERE r.execution_id = e.id)
         AND NOT EXISTS (SELECT 1 FROM ${schema}.execution_rule AS r WHERE r.execution_id = e.id)
       ORDER BY e.id FOR NO KEY UPDATE OF e SKIP LOCKED),
     mine AS MATERIALIZED (
       SELECT s.execution_id, s.position, s.fence, s.attempt, s.worker_id, s.claimed_at, s.queue, w.token, w.result, w.poll,
         w.next, w.ends, w.next_token
       FROM wanted AS w JOIN ${schema}.step AS s ON s.execution_id = w.execution_id AND s.position = w.position
       WHERE (s.state = 'running') IS TRUE AND s.claim_token = w.token
         AND (CASE WHEN w.ends THEN EXISTS (SELECT 1 FROM owned WHERE owned.id = w.execution_id)
           ELSE EXISTS (SELECT 1 FROM shared WHERE shared.id = w.execution_id) END)
       ORDER BY s.execution_id, s.position FOR UPDATE OF s SKIP LOCKED),
     behind AS MATERIALIZED (
       SELECT t.execution_id, t.position, t.open_predecessors - a.arrived AS open, t.kind, a.next_token, a.arrived,
         (SELECT seen.open_predecessors FROM ${schema}.step AS seen
           WHERE seen.execution_id = t.execution_id AND seen.position = t.position) = t.open_predecessors AS is_seen,
         $9::uuid IS NOT NULL AND a.next_token IS NOT NULL AND a.arrived = 1 AND t.queue = a.queue AND NOT t.begins
           AND t.kind = 'task' AND t.task = ANY ($11) AS may_go_on, t.queue
       FROM ${schema}.step AS t JOIN (
         SELECT execution_id, next AS position, count(*)::integer AS arrived, bool_and(ends) AS ends,
           (array_agg(next_token))[1] AS next_token, min(queue) AS queue FROM mine GROUP BY execution_id, next) AS a
         ON t.execution_id = a.execution_id AND t.position = a.position
       WHERE t.state = 'pending' AND (t.effects ->> 'bounds')::boolean IS NOT TRUE AND (t.open_predecessors > a.arrived
         OR (t.kind = 'join' AND cardinality(t.next) = 0 AND a.ends AND t.countdown_ms = 0 AND t.effects ->> 'release' IS NULL)
         OR (t.kind <> 'join' AND t.countdown_ms = 0 AND t.effects -> 'acquire' IS NULL
           AND (t.effects -> 'bound' ->> 'waits')::boolean IS NOT TRUE))
       ORDER BY t.execution_id, t.position FOR UPDATE OF t SKIP LOCKED),
     decided AS MATERIALIZED (
       SELECT b.*, now.at, CASE WHEN open > 0 THEN 'pending' WHEN kind = 'join' THEN 'succeeded'
         WHEN may_go_on AND is_seen AND NOT EXISTS (SELECT 1 FROM ${schema}.queue AS q
           WHERE q.name = b.queue AND q.paused_at IS NOT NULL) THEN 'running' ELSE 'ready' END AS state
       FROM behind AS b, (SELECT ${schema}.clock() AS at) AS now
       WHERE open > 0 OR kind <> 'join' OR is_seen),
     made AS MATERIALIZED (
       SELECT mine.*, (SELECT min(at) FROM decided) AS at FROM mine
       WHERE (mine.execution_id, mine.next) IN (SELECT execution_id, position FROM decided))`;
}

function moveOnSql(connection: Connection): string {
  const { schema } = connection;
  return `${decidedSql(connection)},
     ${endedSql(schema, 'made')},
     moved AS (
       UPDATE ${schema}.step AS s
       SET open_predecessors = d.open, state = d.state,
         delivery = CASE WHEN d.state IN ('ready', 'running') THEN s.delivery + 1 ELSE s.delivery END,
         ready_at = CASE WHEN d.state IN ('ready', 'running') THEN d.at END,
         started_at = CASE WHEN d.state IN ('succeeded', 'running') THEN d.at END,
         finished_at = CASE WHEN d.state = 'succeeded' THEN d.at END,
         claim_token = CASE WHEN d.state = 'running' THEN d.next_token END,
         claimed_at = CASE WHEN d.state = 'running' THEN d.at END,
         lease_until = CASE WHEN d.state = 'running' THEN d.at + $10 * interval '1 millisecond' END,
         worker_id = CASE WHEN d.state = 'running' THEN $9::uuid END,
         fence = CASE WHEN d.state = 'running' THEN s.fence + 1 ELSE s.fence END,
         attempt = CASE WHEN d.state = 'running' THEN s.attempt + 1 ELSE s.attempt END
       FROM decided AS d JOIN ${schema}.execution AS e ON e.id = d.execution_id
       WHERE s.execution_id = d.execution_id AND s.position = d.position
       RETURNING s.state, s.delivery, s.priority, s.needs_results, ${claimedColumns(connection)}),
     ended_executions AS (
       UPDATE ${schema}.execution AS e SET state = 'succeeded', error = NULL, finished_at = d.at
       FROM decided AS d WHERE e.id = d.execution_id AND d.state = 'succeeded'
       RETURNING e.id, e.resource_type, e.resource_id, e.finished_at),
     told AS (
       INSERT INTO ${schema}.event (at, kind, execution_id, resource_type, resource_id, data)
       SELECT finished_at, 'execution.succeeded', id, resource_type, resource_id, '{}' FROM ended_executions)
     SELECT m.token AS "movedToken", moved.* FROM mine AS m
     JOIN moved ON moved.execution_id = m.execution_id AND moved.position = m.next`;
}
