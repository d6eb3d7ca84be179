import type { Connection } from '../connection.ts';

/**
 * Locks those of the executions that run and that nobody holds, by id; waits for nobody. `share` keeps them from being
 * paused, canceled and ended; `update` keeps everybody else from moving them on as well.
 */
export async function lockExecutions(
  connection: Connection,
  ids: readonly string[],
  mode: 'share' | 'update',
): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await connection.query<{ id: string }>(
    `SELECT id FROM ${connection.schema}.execution WHERE id = ANY ($1) AND state = 'running'
     ORDER BY id FOR ${mode === 'share' ? 'SHARE' : 'NO KEY UPDATE'} SKIP LOCKED`,
    [ids],
  );
  return new Set(rows.map(({ id }) => id));
}
