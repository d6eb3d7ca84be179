import type { Connection } from './connection.ts';

export interface QueueStatus {
  readonly name: string;
  readonly epoch: number;
  readonly pausedAt: Date | null;
  readonly pausedBy: string | null;
  readonly pausedReason: string | null;
  readonly ready: number;
  readonly running: number;
  readonly delayed: number;
  /** How many live workers serve it; with 0 its steps wait. */
  readonly workers: number;
  /** How long the oldest ready step has waited, in milliseconds; 0 when none is ready. */
  readonly oldestReadyMs: number;
}

export interface WorkerStatus {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly queues: Readonly<Record<string, number>>;
  readonly state: 'ready' | 'draining' | 'stopped';
  readonly running: number;
  readonly version: string;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
}

export interface ReeveStatus {
  readonly queues: readonly QueueStatus[];
  readonly workers: readonly WorkerStatus[];
  /** Executions that have not ended, by state. */
  readonly executions: Readonly<Record<string, number>>;
}

/** A worker that has given no sign of life for this long is taken for dead here. */
const aliveFor = `interval '1 minute'`;

/** Queues, live workers and unfinished executions; reads the partial indexes of the live states. */
export async function readStatus(connection: Connection, queues: readonly string[]): Promise<ReeveStatus> {
  const { schema } = connection;
  const alive = `w.state <> 'stopped' AND w.heartbeat_at > ${schema}.clock() - ${aliveFor}`;
  const depth = await connection.query<QueueStatus>(
    `SELECT q.name, q.epoch::integer AS epoch, q.paused_at AS "pausedAt", q.paused_by AS "pausedBy",
       q.paused_reason AS "pausedReason",
       (SELECT count(*)::integer FROM ${schema}.step s WHERE s.state = 'ready' AND s.queue = q.name) AS ready,
       (SELECT count(*)::integer FROM ${schema}.step s WHERE s.state = 'running' AND s.queue = q.name) AS running,
       (SELECT count(*)::integer FROM ${schema}.step s WHERE s.state = 'delayed' AND s.queue = q.name) AS delayed,
       (SELECT count(*)::integer FROM ${schema}.worker w WHERE ${alive} AND w.queues ? q.name) AS workers,
       coalesce((SELECT extract(epoch FROM ${schema}.clock() - min(s.ready_at)) * 1000 FROM ${schema}.step s
         WHERE s.state = 'ready' AND s.queue = q.name), 0)::float8 AS "oldestReadyMs"
     FROM ${schema}.queue AS q WHERE q.name = ANY ($1) ORDER BY q.name`,
    [queues],
  );
  const workers = await connection.query<WorkerStatus>(
    `SELECT id, host, pid, queues, state, running, version, started_at AS "startedAt", heartbeat_at AS "heartbeatAt"
     FROM ${schema}.worker AS w WHERE ${alive} ORDER BY w.started_at`,
  );
  const executions = await connection.query<{ state: string; count: number }>(
    `SELECT state, count(*)::integer AS count FROM ${schema}.execution WHERE active GROUP BY state`,
  );
  return {
    queues: depth.rows,
    workers: workers.rows,
    executions: Object.fromEntries(executions.rows.map((row) => [row.state, row.count])),
  };
}
