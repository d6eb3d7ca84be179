import type { Connection } from '../connection.ts';

export interface NewWorker {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Concurrency by queue name. */
  readonly queues: Readonly<Record<string, number>>;
  readonly tasks: readonly string[];
  readonly version: string;
}

/** One row per start of a worker process. */
export async function insertWorker(connection: Connection, worker: NewWorker): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `INSERT INTO ${schema}.worker (id, host, pid, queues, tasks, state, version, started_at, heartbeat_at)
     VALUES ($1, $2, $3, $4::jsonb, $5, 'ready', $6, ${schema}.clock(), ${schema}.clock())`,
    [worker.id, worker.host, worker.pid, JSON.stringify(worker.queues), worker.tasks, worker.version],
  );
}
