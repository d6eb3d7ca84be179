import type { JsonValue } from '../../core/json.ts';
import type { Connection } from '../connection.ts';
import type { StepState } from '../states.ts';

/** A step that has not ended, with everything around it that may hold it up. */
export interface WhyStep {
  readonly position: number;
  readonly task: string;
  readonly description: string;
  readonly queue: string;
  readonly state: Extract<StepState, 'pending' | 'waiting' | 'delayed' | 'ready' | 'running'>;
  readonly waitingFor: string | null;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly readyAt: Date | null;
  readonly runAt: Date | null;
  readonly claimedAt: Date | null;
  readonly leaseUntil: Date | null;
  readonly published: boolean;
  readonly progress: JsonValue;
  readonly poll: JsonValue;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
  readonly pausedReason: string | null;
  /** The worker that runs it, with its last sign of life. */
  readonly worker: string | null;
  readonly heartbeatAt: Date | null;
  /** How many live workers serve its queue, and how many of them know its task. */
  readonly workers: number;
  readonly knowing: number;
  /** The positions of predecessors that have not ended well, joins left out. */
  readonly openPredecessors: readonly number[];
  readonly now: Date;
}

/** A worker that has given no sign of life for this long is taken for dead, as in `reeve status`. */
const aliveFor = `interval '1 minute'`;

/**
 * The steps of an execution that have not ended, without joins, by position: what runs, what is ready or due, then what
 * waits for them. By primary key; reads the live workers, locks nothing.
 */
export async function listWhySteps(connection: Connection, executionId: string, limit: number): Promise<WhyStep[]> {
  const { schema } = connection;
  const serving = `FROM ${schema}.worker w WHERE w.state = 'ready' AND w.heartbeat_at > ${schema}.clock() - ${aliveFor}
         AND w.queues ? s.queue`;
  const { rows } = await connection.query<WhyStep>(
    `SELECT s.position, s.task, s.description, s.queue, s.state, s.waiting_for AS "waitingFor", s.attempt,
       s.max_attempts AS "maxAttempts", s.ready_at AS "readyAt", s.run_at AS "runAt", s.claimed_at AS "claimedAt",
       s.lease_until AS "leaseUntil", s.progress, s.poll, s.error, coalesce(s.published_epoch >= q.epoch, false) AS published,
       q.paused_at AS "pausedAt", q.paused_by AS "pausedBy", q.paused_reason AS "pausedReason",
       r.host || '/' || r.pid AS worker, r.heartbeat_at AS "heartbeatAt",
       (SELECT count(*)::integer ${serving}) AS workers,
       (SELECT count(*)::integer ${serving} AND (s.task LIKE 'reeve.%' OR s.task = ANY (w.tasks))) AS knowing,
       ARRAY(SELECT p.position FROM ${schema}.step p WHERE p.execution_id = s.execution_id
         AND s.position = ANY (p.next) AND p.state NOT IN ('succeeded', 'skipped')
         AND (p.kind <> 'join' OR p.state = 'waiting') ORDER BY p.position) AS "openPredecessors",
       ${schema}.clock() AS now
     FROM ${schema}.step AS s LEFT JOIN ${schema}.queue AS q ON q.name = s.queue
       LEFT JOIN ${schema}.worker AS r ON r.id = s.worker_id AND s.state = 'running'
     WHERE s.execution_id = $1 AND (s.kind <> 'join' OR s.state = 'waiting')
       AND s.state IN ('pending', 'waiting', 'delayed', 'ready', 'running')
     ORDER BY s.state = 'pending', s.position LIMIT $2`,
    [executionId, limit],
  );
  return rows;
}
