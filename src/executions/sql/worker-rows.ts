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

/** The sign of life of a worker, with its state and how many steps it runs. */
export async function updateWorker(
  connection: Connection,
  worker: { readonly id: string; readonly state: 'ready' | 'draining' | 'stopped'; readonly running: number },
): Promise<void> {
  const { schema } = connection;
  await connection.query(
    `UPDATE ${schema}.worker SET state = $2, running = $3, heartbeat_at = ${schema}.clock(),
       stopped_at = CASE WHEN $2 = 'stopped' THEN ${schema}.clock() END
     WHERE id = $1`,
    [worker.id, worker.state, worker.running],
  );
}
