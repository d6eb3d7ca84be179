import type { Connection } from '../connection.ts';

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
